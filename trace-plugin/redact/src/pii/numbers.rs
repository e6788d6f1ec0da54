//! Numbers that are somebody's: telephones, cards, accounts, social security.

use std::ops::Range;

use super::stands_alone;
use crate::scan::Hit;

/// Countries with IBANs, and how long theirs are: the registry of ISO 13616.
const IBANS: &str = "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29BY28CH21CR22CY28CZ24DE22DK18DO28EE20EG29ES24FI18FO18FR27\
    GB22GE22GI23GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MR27MT31\
    MU30NL18NO15PK24PL28PS29PT25QA29RO24RS22SA24SC31SE24SI19SK24SM27ST25SV28TL23TN24TR26UA29VA22VG24XK20";

/// Adds them all.
pub(super) fn numbers(text: &str, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let begins = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
        let found = begins.then(|| match bytes[at] {
            b'0'..=b'9' | b'(' => social(bytes, at)
                .or_else(|| card(bytes, at))
                .or_else(|| american(bytes, at)),
            b'+' => international(bytes, at),
            b'A'..=b'Z' => iban(bytes, at),
            _ => None,
        });
        match found.flatten() {
            Some((rule, end)) => {
                hits.push(Hit::personal(rule, at..end));
                at = end;
            }
            None => at += 1,
        }
    }
}

type Found = Option<(&'static str, usize)>;

/// Whether `bytes` from `at` on look like `pattern`, in which `0` is any digit.
fn looks_like(bytes: &[u8], at: usize, pattern: &[u8]) -> bool {
    bytes.get(at..at + pattern.len()).is_some_and(|found| {
        found
            .iter()
            .zip(pattern)
            .all(|(found, wanted)| match wanted {
                b'0' => found.is_ascii_digit(),
                other => found == other,
            })
    })
}

fn is_alone(bytes: &[u8], range: &Range<usize>) -> bool {
    stands_alone(bytes, range, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')
    }) && !bytes
        .get(range.end..range.end + 2)
        .is_some_and(|rest| rest[0] == b'.' && rest[1].is_ascii_digit())
        && !(range.start > 0 && bytes[range.start - 1] == b'.')
}

/// `123-45-6789`, of those that are given out.
fn social(bytes: &[u8], at: usize) -> Found {
    let range = at..at + 11;
    if !looks_like(bytes, at, b"000-00-0000") || !is_alone(bytes, &range) {
        return None;
    }
    let (area, group, serial) = (
        &bytes[at..at + 3],
        &bytes[at + 4..at + 6],
        &bytes[at + 7..at + 11],
    );
    let given =
        area != b"000" && area != b"666" && area[0] != b'9' && group != b"00" && serial != b"0000";
    given.then_some(("us-ssn", range.end))
}

/// The digits from `at` on, single blanks and hyphens between them left out, and where they end.
fn digits(bytes: &[u8], at: usize, most: usize) -> (Vec<u8>, usize) {
    let (mut digits, mut end, mut next) = (Vec::new(), at, at);
    while let Some(byte) = bytes.get(next).filter(|_| digits.len() <= most) {
        if byte.is_ascii_digit() {
            digits.push(byte - b'0');
            end = next + 1;
        } else if !matches!(byte, b' ' | b'-') || next != end {
            break;
        }
        next += 1;
    }
    (digits, end)
}

/// A number that an issuer of cards begins like this, of the right length, with its check digit.
fn card(bytes: &[u8], at: usize) -> Found {
    let (digits, end) = digits(bytes, at, 19);
    let begin = |count: usize| {
        digits[..count]
            .iter()
            .fold(0_u32, |all, digit| all * 10 + u32::from(*digit))
    };
    if !(13..=19).contains(&digits.len()) || !is_alone(bytes, &(at..end)) {
        return None;
    }
    let known = match digits.len() {
        13 | 19 => digits[0] == 4,
        14 => matches!(begin(2), 36 | 38 | 39) || matches!(begin(3), 300..=305),
        15 => matches!(begin(2), 34 | 37),
        16 => {
            digits[0] == 4
                || matches!(begin(2), 51..=55 | 65)
                || matches!(begin(4), 2221..=2720 | 6011 | 3528..=3589)
                || matches!(begin(3), 644..=649)
        }
        _ => false,
    };
    (known && is_luhn(&digits)).then_some(("credit-card", end))
}

/// The check digit of cards.
fn is_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(*digit) << (at % 2);
            if digit > 9 { digit - 9 } else { digit }
        })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != digits[0])
}

/// `(555) 234-5678`, `555-234-5678` or `555.234.5678`.
fn american(bytes: &[u8], at: usize) -> Found {
    let patterns: [&[u8]; 4] = [
        b"(000) 000-0000",
        b"(000)000-0000",
        b"000-000-0000",
        b"000.000.0000",
    ];
    let pattern = patterns
        .iter()
        .find(|pattern| looks_like(bytes, at, pattern))?;
    let range = at..at + pattern.len();
    let digits: Vec<u8> = bytes[range.clone()]
        .iter()
        .copied()
        .filter(u8::is_ascii_digit)
        .collect();
    // Neither an area nor an exchange begins with 0 or 1.
    let given = digits[0] >= b'2' && digits[3] >= b'2';
    (given && is_alone(bytes, &range)).then_some(("phone-number", range.end))
}

/// `+49 30 1234567`: the digits of E.164, parted by blanks, hyphens, dots or brackets, or ten of them and more in one.
fn international(bytes: &[u8], at: usize) -> Found {
    let mut end = at + 1;
    let (mut count, mut parted) = (0, false);
    let mut next = end;
    while let Some(&byte) = bytes.get(next) {
        let is_between = matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'/');
        if byte.is_ascii_digit() {
            count += 1;
            parted |= next > end;
            end = next + 1;
        } else if !is_between || next > end + 1 {
            break;
        }
        next += 1;
    }
    let after_line = at == 0 || bytes[at - 1] == b'\n';
    let known = bytes.get(at + 1).is_some_and(|b| (b'1'..=b'9').contains(b));
    // `+1234567890` alone at the begin of a line is an added line of a change.
    let enough = if parted {
        count >= 8
    } else {
        count >= 10 && !after_line
    };
    let alone = is_alone(bytes, &(at..end));
    (known && enough && count <= 15 && alone).then_some(("phone-number", end))
}

/// A country's letters, its length, and a remainder of 1 by 97.
fn iban(bytes: &[u8], at: usize) -> Found {
    let country = bytes.get(at..at + 2)?;
    let length = IBANS
        .as_bytes()
        .as_chunks::<4>()
        .0
        .iter()
        .find(|known| &known[..2] == country)
        .map(|known| usize::from(known[2] - b'0') * 10 + usize::from(known[3] - b'0'))?;
    let (mut account, mut end) = (Vec::with_capacity(length), at);
    while account.len() < length {
        match bytes.get(end)? {
            b' ' if !account.is_empty() && account.len() % 4 == 0 && bytes[end - 1] != b' ' => {}
            byte if byte.is_ascii_digit() || byte.is_ascii_uppercase() => account.push(*byte),
            _ => return None,
        }
        end += 1;
    }
    if !account[2..4].iter().all(u8::is_ascii_digit) || !is_alone(bytes, &(at..end)) {
        return None;
    }
    let turned = account[4..].iter().chain(&account[..4]);
    let rest = turned.fold(0_u32, |rest, &byte| {
        if byte.is_ascii_digit() {
            (rest * 10 + u32::from(byte - b'0')) % 97
        } else {
            (rest * 100 + u32::from(byte - b'A') + 10) % 97
        }
    });
    (rest == 1).then_some(("iban", end))
}
