//! CSV as RFC 4180 has it: a header, CRLF, every text in quotes.
//!
//! Cells hold what strangers wrote, and spreadsheets run what looks like a formula. A text that begins like one gets an
//! apostrophe in front, which spreadsheets show as text and programs can take off.

use std::io::Write as _;

use serde_json::Value;
use trace_store::TraceDetail;

/// The first line. `parameters` and `result` are JSON.
pub(super) const HEAD: &str = "id,agent_id,timestamp,tool_name,action_type,reason,rule_id,values_violated,\
duration_ms,session_id,runtime,outcome,signed,stream,seq,digest,held_back,parameters,result\r\n";

/// Appends a line.
#[expect(clippy::unnecessary_wraps, reason = "as the other formats have it")]
pub(super) fn write(detail: &TraceDetail, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let row = &detail.row;
    let json = |pointer: &str| {
        let value = detail
            .document
            .as_ref()
            .and_then(|document| document.pointer(pointer));
        value.filter(|value| !value.is_null()).map(Value::to_string)
    };
    // What is no text of strangers stands as it is. Writing to a Vec cannot fail.
    let _ = write!(out, "{},{},{},", row.trace_id, row.agent_id, row.timestamp);
    text(Some(&row.tool_name), out);
    let _ = write!(out, ",{},", row.action_type.as_str());
    text(row.reason.as_deref(), out);
    out.push(b',');
    text(row.rule_id.as_deref(), out);
    out.push(b',');
    text(Some(row.values_violated.join("; ")).as_deref(), out);
    out.push(b',');
    if let Some(duration) = row.duration_ms {
        let _ = write!(out, "{duration}");
    }
    for cell in [&row.session_id, &row.runtime, &row.outcome] {
        out.push(b',');
        text(cell.as_deref(), out);
    }
    let _ = write!(out, ",{},", row.signed);
    if let (Some(stream), Some(seq)) = (row.stream, row.seq) {
        let _ = write!(out, "{stream},{seq},");
    } else {
        out.extend_from_slice(b",,");
    }
    if let Some(digest) = detail.digest {
        let _ = write!(out, "{digest}");
    }
    let _ = write!(out, ",{},", row.held_back);
    text(json("/action/parameters").as_deref(), out);
    out.push(b',');
    text(json("/context/metadata/result").as_deref(), out);
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Appends a text in quotes; nothing for none.
fn text(text: Option<&str>, out: &mut Vec<u8>) {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return;
    };
    out.push(b'"');
    if looks_like_a_formula(text) {
        out.push(b'\'');
    }
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Whether a spreadsheet may run it: what it begins with, where spaces and what cannot be seen do not count.
fn looks_like_a_formula(text: &str) -> bool {
    let unseen = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    if text.starts_with(['\t', '\r', '\n']) {
        return true;
    }
    text.trim_start_matches(unseen).starts_with([
        '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(content: &str) -> String {
        let mut out = Vec::new();
        text(Some(content), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_begins_like_a_formula_is_made_a_text() {
        for formula in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "=cmd|' /C calc'!A0",
            " =1",
            "\t=1",
            "\tx",
            "\rx",
            "\nx",
            "\u{feff}=1",
            "\u{200b}=1",
            "\u{202e}=1",
            "\u{a0}=1",
            "\u{ff1d}1",
            "\u{ff20}x",
        ] {
            assert!(cell(formula).starts_with("\"'"), "{formula:?}");
        }
        for plain in ["exec", "a=1", "1-1", "'=1", "{\"a\":\"=1\"}", "\u{2212}1"] {
            assert_eq!(
                cell(plain).matches('\'').count(),
                plain.matches('\'').count(),
                "{plain}"
            );
        }
    }

    #[test]
    fn quotes_are_doubled_and_breaks_stay_inside() {
        assert_eq!(cell("a \"b\"\r\nc,d;e"), "\"a \"\"b\"\"\r\nc,d;e\"");
        assert_eq!(cell(""), "");
    }
}
