//! A question to the DNS and its answer as bytes (RFC 1035). DNS over HTTPS carries them as they are (RFC 8484), to any
//! resolver that speaks it; the JSON that some answer instead is no standard, and quotes texts in more than one way.
//!
//! Out of scope: sending them (`host`), and what may be asked and how often (`dashboard::proof`).

use edge_core::proof::NoAnswer;

/// The media type of both.
pub const MEDIA_TYPE: &str = "application/dns-message";
/// Bytes of the longest message.
pub const MAX_MESSAGE: usize = 65_535;
/// Bytes of a message's header.
const HEADER: usize = 12;
/// A text record, of the Internet.
const TXT: [u8; 4] = [0, 16, 0, 1];
/// The bit that an answer has and a question has not.
const IS_ANSWER: u8 = 0x80;
/// "No such name" among the codes of answers.
const NO_SUCH_NAME: u8 = 3;

/// Asks for the TXT records of `name`: letters, digits and hyphens in labels of 63 bytes at most, without a dot at its end.
pub fn question(name: &str) -> Vec<u8> {
    // No id: over HTTPS an answer comes with its request. Recursion is wanted; one question.
    let mut message = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        // Who asks has checked it: a longer label would be another name.
        message.push(u8::try_from(label.len()).unwrap_or(0) & 0x3f);
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend(TXT);
    message
}

/// What an answer says: the strings of each TXT record put together; nothing where the name or such a record does not exist.
///
/// # Errors
/// When the DNS failed, or said something that cannot be read; in words for everybody.
pub fn answer(message: &[u8]) -> Result<Vec<String>, NoAnswer> {
    let unreadable = || NoAnswer::Failed("the DNS gave an answer that cannot be read".to_owned());
    let header = message.get(..HEADER).ok_or_else(unreadable)?;
    if header[2] & IS_ANSWER == 0 {
        return Err(unreadable());
    }
    let word = match header[3] & 0x0f {
        0 => None,
        NO_SUCH_NAME => return Ok(Vec::new()),
        2 => Some("SERVFAIL"),
        5 => Some("REFUSED"),
        _ => Some("an error"),
    };
    if let Some(word) = word {
        return Err(NoAnswer::Failed(format!("the DNS answered with {word}")));
    }
    let count = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    records(&message[HEADER..], count(4), count(6)).ok_or_else(unreadable)
}

/// The texts among `answers` records behind `questions` questions.
fn records(mut rest: &[u8], questions: u16, answers: u16) -> Option<Vec<String>> {
    for _ in 0..questions {
        rest = behind_name(rest)?.get(TXT.len()..)?;
    }
    let mut texts = Vec::new();
    for _ in 0..answers {
        let record = behind_name(rest)?;
        // Type and class, a time to live, a length, and so much data.
        let (kind, record) = record.split_at_checked(4)?;
        let length = usize::from(u16::from_be_bytes(*record.get(4..)?.first_chunk()?));
        let (data, behind) = record.get(6..)?.split_at_checked(length)?;
        if kind == TXT {
            texts.push(text(data)?);
        }
        rest = behind;
    }
    Some(texts)
}

/// What stands behind a name: labels up to an empty one, or up to a pointer at labels elsewhere.
fn behind_name(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let (length, behind) = rest.split_first()?;
        match *length {
            0 => return Some(behind),
            1..=0x3f => rest = behind.get(usize::from(*length)..)?,
            0xc0.. => return behind.get(1..),
            _ => return None,
        }
    }
}

/// A record's strings, put together.
fn text(mut data: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(data.len());
    while let Some((length, rest)) = data.split_first() {
        let (string, behind) = rest.split_at_checked(usize::from(*length))?;
        bytes.extend(string);
        data = behind;
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "_smoltbot.agents.example.com";

    /// An answer to `question(NAME)` of these records: kind, and data.
    fn said(code: u8, records: &[([u8; 4], Vec<u8>)]) -> Vec<u8> {
        let mut message = question(NAME);
        message[2] |= IS_ANSWER;
        message[3] = 0x80 | code;
        message[7] = u8::try_from(records.len()).unwrap();
        for (kind, data) in records {
            // A pointer at the question's name.
            message.extend([0xc0, 12]);
            message.extend(kind);
            message.extend([0, 0, 14, 16]);
            message.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            message.extend(data);
        }
        message
    }

    fn strings(strings: &[&str]) -> Vec<u8> {
        let one = |text: &&str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        strings.iter().flat_map(one).collect()
    }

    #[test]
    fn a_question_is_what_rfc_1035_says() {
        let mut expected = b"\0\0\x01\0\0\x01\0\0\0\0\0\0".to_vec();
        expected.extend(b"\x09_smoltbot\x06agents\x07example\x03com\0\0\x10\0\x01");
        assert_eq!(question(NAME), expected);
    }

    #[test]
    fn texts_are_put_together_and_other_records_are_passed_over() {
        const CNAME: [u8; 4] = [0, 5, 0, 1];
        let message = said(
            0,
            &[
                (CNAME, b"\x01a\xc0\x0c".to_vec()),
                (TXT, strings(&["smoltbot-agent=", "x"])),
                (TXT, strings(&[])),
                (TXT, vec![2, 0xff, b'a']),
            ],
        );
        let expected = ["smoltbot-agent=x", "", "\u{fffd}a"];
        assert_eq!(answer(&message).unwrap(), expected);
    }

    #[test]
    fn no_name_and_no_record_say_nothing_and_failures_are_named() {
        assert_eq!(answer(&said(NO_SUCH_NAME, &[])), Ok(Vec::new()));
        assert_eq!(answer(&said(0, &[])), Ok(Vec::new()));
        for (code, word) in [(2, "SERVFAIL"), (5, "REFUSED"), (1, "an error")] {
            let told = answer(&said(code, &[])).unwrap_err().to_string();
            assert_eq!(told, format!("the DNS answered with {word}"));
        }
    }

    #[test]
    fn what_is_no_answer_is_not_read_as_one() {
        let whole = said(0, &[(TXT, strings(&["smoltbot-agent=x"]))]);
        for end in 0..whole.len() {
            answer(&whole[..end]).unwrap_err();
        }
        answer(&question(NAME)).unwrap_err();
        // A string that is longer than its record, and a label of a kind that there is not.
        answer(&said(0, &[(TXT, vec![9, b'a'])])).unwrap_err();
        let mut odd = whole;
        odd[HEADER] = 0x80;
        answer(&odd).unwrap_err();
    }

    /// Whatever a resolver answers: no panic.
    #[test]
    fn any_bytes_are_read_or_refused() {
        let mut state = 1_u64;
        for _ in 0..20_000 {
            let mut message = said(0, &[(TXT, strings(&["smoltbot-agent=x", "y"]))]);
            for _ in 0..3 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let at = usize::try_from(state >> 40).unwrap() % message.len();
                message[at] = u8::try_from(state >> 32 & 0xff).unwrap();
            }
            let _ = answer(&message);
        }
    }
}
