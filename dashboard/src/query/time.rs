//! Times in addresses: absolute as RFC 3339 or as browsers' forms send them, relative as `-2h`.

use aap::Timestamp;

use crate::answer::PageError;

/// Longest span back that can be asked for: beyond what is kept, in milliseconds (ten years).
const MAX_BACK_MS: i64 = 3_653 * 24 * 3_600_000;

/// Units of relative times, in milliseconds.
const UNITS: [(char, i64); 5] = [
    ('s', 1_000),
    ('m', 60_000),
    ('h', 3_600_000),
    ('d', 86_400_000),
    ('w', 604_800_000),
];

/// Reads the time that the parameter `name` holds. Without an offset it is UTC.
pub(super) fn read(name: &str, text: &str, now: Timestamp) -> Result<Timestamp, PageError> {
    let text = text.trim();
    let found = match text.strip_prefix('-') {
        Some(back) => relative(back)
            .map(|back_ms| Timestamp::from_millis(now.millis().saturating_sub(back_ms))),
        None => absolute(text),
    };
    found.ok_or_else(|| {
        PageError::Bad(format!(
            "{name} is a time such as 2026-11-21T02:10:00Z, a day such as 2026-11-21, or a span back from now such as \
             -30m, -2h or -7d (at most ten years); not `{text}`"
        ))
    })
}

fn relative(back: &str) -> Option<i64> {
    let unit = back.chars().next_back()?;
    let (_, unit_ms) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let digits = &back[..back.len() - unit.len_utf8()];
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let back_ms = digits.parse::<i64>().ok()?.checked_mul(*unit_ms)?;
    (back_ms <= MAX_BACK_MS).then_some(back_ms)
}

fn absolute(text: &str) -> Option<Timestamp> {
    // A day, or the minute or second that a form's field for dates and times holds.
    let whole = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        16 => format!("{text}:00Z"),
        19 => format!("{text}Z"),
        _ => text.to_owned(),
    };
    Timestamp::parse(&whole).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: &str = "2026-11-21T02:10:00Z";

    #[test]
    fn times_are_read_in_each_form() {
        let now = Timestamp::parse(NOW).unwrap();
        for (text, same) in [
            ("2026-11-20T02:10:00.000Z", "-1d"),
            ("2026-11-21T01:10", "-1h"),
            ("2026-11-21T02:09:30", "-30s"),
            ("2026-11-20", "2026-11-20T00:00:00Z"),
            ("2026-11-21T04:10:00+02:00", "-0s"),
            ("-2w", "-14d"),
        ] {
            let (a, b) = (read("since", text, now), read("since", same, now));
            assert_eq!(a.unwrap(), b.unwrap(), "{text} is {same}");
        }
    }

    #[test]
    fn what_is_no_time_is_named() {
        let now = Timestamp::parse(NOW).unwrap();
        for text in [
            "yesterday",
            "-",
            "-h",
            "-1y",
            "--1h",
            "-1.5h",
            "-+1h",
            "-99999999999999999999d",
            "-4000d",
            "12:00",
            "2026-13-01",
            "-1ħ",
        ] {
            let said = read("until", text, now).unwrap_err().to_string();
            assert!(
                said.contains(&format!("not `{text}`")) && said.starts_with("until"),
                "{said}"
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(text in "\\PC{0,24}|-[0-9]{1,24}[smhdwµ]") {
            let _ = read("since", &text, Timestamp::from_millis(0));
        }
    }
}
