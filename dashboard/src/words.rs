//! Numbers, times and names of the wire in words that people read.

use aap::{ActionType, Timestamp};
use trace_store::TraceRow;

use crate::text::{Shown, line, plain};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
/// An hour in milliseconds.
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// A day in milliseconds.
pub(crate) const DAY: i64 = 24 * HOUR;

/// What a verdict is called on a page.
pub(crate) fn verdict(kind: ActionType) -> &'static str {
    match kind {
        ActionType::Allow => "Allowed",
        ActionType::Deny => "Refused",
        ActionType::Error => "Error",
    }
}

/// The same of one call: one that nobody of ours judged is not called allowed, nor a loss an error.
pub(crate) fn verdict_of(row: &TraceRow) -> &'static str {
    match (row.action_type, row.outcome.as_deref()) {
        (ActionType::Allow, Some("imported")) => "Imported",
        (ActionType::Allow, Some("reported")) => "Reported",
        (ActionType::Error, Some("gap")) => "Loss",
        (kind, _) => verdict(kind),
    }
}

/// Whether nobody of ours judged what the verdict would call allowed.
pub(crate) fn is_told(row: &TraceRow) -> bool {
    row.action_type == ActionType::Allow
        && matches!(row.outcome.as_deref(), Some("imported" | "reported"))
}

/// What happened otherwise than the verdict alone tells, in two or three words.
pub(crate) fn outcome(word: Option<&str>) -> Option<&'static str> {
    match word? {
        "running" => Some("still running"),
        "abandoned" => Some("abandoned"),
        "orphan" => Some("half seen"),
        "gap" => Some("not recorded"),
        "observed_deny" => Some("blocked elsewhere"),
        "ran_after_refusal" => Some("ran although refused"),
        "unanswered" => Some("asked, no yes"),
        "imported" => Some("imported"),
        "reported" => Some("reported"),
        _ => None,
    }
}

/// The same in a sentence.
pub(crate) fn outcome_sentence(word: Option<&str>) -> Option<&'static str> {
    match word? {
        "running" => Some("It was started and goes on in the background."),
        "abandoned" => Some("It was admitted, and nobody said how it ended."),
        "orphan" => Some("Only one half of this call was seen: its start or its end."),
        "gap" => Some("This is no call: the agent’s recorder tells here what it could not record."),
        "observed_deny" => Some(
            "It was stopped by the runtime, another plugin or the operator, not by this conscience.",
        ),
        "ran_after_refusal" => Some("The runtime ran it although it was refused."),
        "imported" => Some(
            "It was imported from what the runtime had written down. smoltbot neither judged it nor watched it run.",
        ),
        "reported" => Some(
            "It was told by OpenTelemetry: whoever sent it says that it happened. smoltbot neither judged it nor watched it run.",
        ),
        _ => None,
    }
}

/// `harm_prevention` → `harm prevention`.
pub(crate) fn value(id: &str) -> Shown {
    line(&id.replace('_', " "), 48)
}

/// Several values, as a sentence lists them, in at most `max` characters.
pub(crate) fn values(ids: &[String], max: usize) -> Shown {
    const MOST: usize = 6;
    let mut names: Vec<String> = ids
        .iter()
        .take(MOST)
        .map(|id| plain(&id.replace('_', " "), 48))
        .collect();
    if ids.len() > MOST {
        names.push(format!("{} more", ids.len() - MOST));
    }
    let text = match names.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, head)) => format!("{} and {last}", head.join(", ")),
    };
    line(&text, max)
}

/// 1234567 → `1,234,567`.
pub(crate) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 call`, `2 calls`.
pub(crate) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// A part of a whole in percent; small parts are not rounded to nothing.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "0%".to_owned();
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let share = part as f64 * 100.0 / whole as f64;
    if share < 0.1 {
        "<0.1%".to_owned()
    } else if share < 10.0 {
        format!("{share:.1}%")
    } else {
        format!("{share:.0}%")
    }
}

/// Milliseconds as people say them: `8 ms`, `1.2 s`, `3 min 5 s`.
pub(crate) fn duration(ms: f64) -> String {
    if !ms.is_finite() || ms < 0.0 {
        return "–".to_owned();
    }
    if ms < 10.0 && ms.fract() > 0.05 {
        return format!("{ms:.1} ms");
    }
    if ms < 1_000.0 {
        return format!("{ms:.0} ms");
    }
    if ms < 60_000.0 {
        return format!("{:.1} s", ms / 1_000.0);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates, which is fine for display"
    )]
    let seconds = (ms / 1_000.0) as i64;
    match seconds {
        ..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// A row's duration; nothing for a call that never ran.
pub(crate) fn row_duration(row: &TraceRow) -> Option<String> {
    if row.action_type == ActionType::Deny {
        return None;
    }
    row.duration_ms.map(duration)
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// `21 Nov 2026`.
pub(crate) fn date(at: Timestamp) -> String {
    let iso = at.to_string();
    let part = |range| iso.get(range).unwrap_or_default();
    let month = part(5..7).parse::<usize>().unwrap_or(1).clamp(1, 12);
    let day = part(8..10).trim_start_matches('0');
    format!("{day} {} {}", MONTHS[month - 1], part(0..4))
}

/// `21 Nov 2026, 02:10:00 UTC`.
pub(crate) fn moment(at: Timestamp) -> String {
    let iso = at.to_string();
    format!("{}, {} UTC", date(at), iso.get(11..19).unwrap_or_default())
}

/// `3m ago`; the date when it is more than a week away.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    let past = now.millis() - at.millis();
    match past {
        -5_000..5_000 => "just now".to_owned(),
        5_000..MINUTE => format!("{}s ago", past / SECOND),
        MINUTE..HOUR => format!("{}m ago", past / MINUTE),
        HOUR..DAY => format!("{}h ago", past / HOUR),
        DAY..604_800_000 => format!("{}d ago", past / DAY),
        _ => date(at),
    }
}

/// A `<time>` with the relative text to read and the absolute time in `title` and `datetime`.
pub(crate) fn time(at: Timestamp, now: Timestamp) -> Shown {
    Shown::trusted(format!(
        "<time datetime=\"{at}\" title=\"{}\">{}</time>",
        moment(at),
        ago(at, now)
    ))
}

/// A `<time>` with the absolute time to read, in columns that line up; scripts leave it as it is.
pub(crate) fn stamp(at: Timestamp) -> Shown {
    let iso = at.to_string();
    let part = |range| iso.get(range).unwrap_or_default();
    Shown::trusted(format!(
        "<time datetime=\"{iso}\" title=\"UTC\" data-fixed>{} {}</time>",
        part(0..10),
        part(11..19)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(number(0), "0");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(percent(1, 100_000), "<0.1%");
        assert_eq!(percent(1, 3), "33%");
        assert_eq!(percent(0, 0), "0%");
        assert_eq!(counted(1, "call", "calls"), "1 call");
        assert_eq!(
            values(&["harm_prevention".into(), "privacy".into()], 99).to_string(),
            "harm prevention and privacy"
        );
    }

    #[test]
    fn durations_read_well() {
        let said = [
            0.0,
            0.4,
            12.0,
            1_234.0,
            185_000.0,
            7_260_000.0,
            90_000_000.0,
        ]
        .map(duration);
        assert_eq!(
            said,
            [
                "0 ms",
                "0.4 ms",
                "12 ms",
                "1.2 s",
                "3 min 5 s",
                "2 h 1 min",
                "1 d 1 h"
            ]
        );
        assert_eq!(duration(f64::NAN), "–");
    }

    #[test]
    fn times_read_well() {
        let now = Timestamp::parse("2026-11-21T02:10:00Z").unwrap();
        let before = |ms| ago(Timestamp::from_millis(now.millis() - ms), now);
        assert_eq!(before(0), "just now");
        assert_eq!(before(59_999), "59s ago");
        assert_eq!(before(3 * HOUR), "3h ago");
        assert_eq!(before(8 * DAY), "13 Nov 2026");
        assert_eq!(
            before(-HOUR),
            "21 Nov 2026",
            "a time ahead is told, not counted"
        );
        assert_eq!(moment(now), "21 Nov 2026, 02:10:00 UTC");
    }
}
