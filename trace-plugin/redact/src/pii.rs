//! Personal data: e-mail and IP addresses, telephone numbers, IBANs, payment cards, United States social security numbers.
//!
//! Looked for only where that was asked for, by hand and in one pass. What is right only by its check digits (IBAN, cards)
//! must have them; what has none must be written as people write it. Names, postal addresses and dates of birth in running text
//! are out of scope: no rule tells them from other words. Behind a key that says so they are masked (see [`is_personal_name`]).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use crate::scan::Hit;

mod numbers;

/// Their names.
pub(crate) const RULES: &[&str] = &[
    "email",
    "phone-number",
    "iban",
    "credit-card",
    "us-ssn",
    "ip-address",
    NAMED,
];

/// The rule for what only its name makes personal.
pub(crate) const NAMED: &str = "personal-data";

/// Keys whose whole value is personal, in lower case and without what separates words.
const NAMES: &[&str] = &[
    "email",
    "emailaddress",
    "phone",
    "phonenumber",
    "mobile",
    "mobilenumber",
    "telephone",
    "fax",
    "ssn",
    "socialsecuritynumber",
    "dateofbirth",
    "birthdate",
    "birthday",
    "dob",
    "iban",
    "passportnumber",
    "passport",
    "nationalid",
    "taxid",
    "creditcard",
    "cardnumber",
    "streetaddress",
    "postaladdress",
    "homeaddress",
    "firstname",
    "lastname",
    "fullname",
    "surname",
    "maidenname",
];

/// Whether the value of this key is personal whatever it is.
pub(crate) fn is_personal_name(name: &str) -> bool {
    let name: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    NAMES.contains(&name.as_str())
}

/// Adds the personal data of `text`.
pub(crate) fn personal(text: &str, hits: &mut Vec<Hit>) {
    emails(text, hits);
    addresses(text, hits);
    numbers::numbers(text, hits);
}

/// Whether nothing before `at` and behind it goes on with the word.
fn stands_alone(bytes: &[u8], range: &Range<usize>, joins: impl Fn(u8) -> bool) -> bool {
    let before = range.start.checked_sub(1).map(|at| bytes[at]);
    let after = bytes.get(range.end).copied();
    ![before, after].into_iter().flatten().any(joins)
}

fn emails(text: &str, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    let is_local =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'%' | b'+' | b'-');
    let is_domain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    for (at, _) in text.match_indices('@') {
        let local = bytes[..at]
            .iter()
            .rev()
            .take_while(|&&b| is_local(b))
            .count();
        let domain = bytes[at + 1..]
            .iter()
            .take_while(|&&b| is_domain(b))
            .count();
        let domain = text[at + 1..at + 1 + domain].trim_end_matches(['.', '-']);
        let name = &text[at - local..at];
        let Some((host, top)) = domain.rsplit_once('.') else {
            continue;
        };
        // `git@github.com` is nobody's, `left-pad@1.3.0` no address.
        let is_top = top.len() >= 2 && top.bytes().all(|b| b.is_ascii_alphabetic());
        if local > 0 && name != "git" && is_top && !host.is_empty() && local <= 64 {
            hits.push(Hit::personal("email", at - local..at + 1 + domain.len()));
        }
    }
}

/// IP addresses other than those that every machine has.
fn addresses(text: &str, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let is_part = |b: u8| b.is_ascii_hexdigit() || matches!(b, b'.' | b':');
        let length = bytes[at..].iter().take_while(|&&b| is_part(b)).count();
        if length < 7 {
            at += length.max(1);
            continue;
        }
        let run = &text[at..at + length];
        // A port, or the end of a sentence, may stand behind it.
        let trimmed = run.trim_end_matches(['.', ':']);
        let dots = trimmed.bytes().filter(|&b| b == b'.').count();
        let candidate = match trimmed.split_once(':') {
            Some((address, _)) if dots == 3 => address,
            _ => trimmed,
        };
        let range = at..at + candidate.len();
        let alone = stands_alone(bytes, &range, |b| b.is_ascii_alphanumeric() || b == b'_');
        let is_version = at
            .checked_sub(1)
            .is_some_and(|before| matches!(bytes[before], b'-' | b'='))
            && candidate.contains('.')
            && !is_assigned(bytes, at);
        if alone
            && !is_version
            && candidate.parse().is_ok_and(is_somebodys)
            && is_written(candidate)
        {
            hits.push(Hit::personal("ip-address", range));
        }
        at += length;
    }
}

/// `host=10.1.2.3`, but not `pkg==1.2.3.4`.
fn is_assigned(bytes: &[u8], at: usize) -> bool {
    at >= 2 && bytes[at - 1] == b'=' && !matches!(bytes[at - 2], b'=' | b'~' | b'>' | b'<' | b'!')
}

fn is_somebodys(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            !address.is_loopback() && !address.is_unspecified() && address != Ipv4Addr::BROADCAST
        }
        IpAddr::V6(address) => !address.is_loopback() && address != Ipv6Addr::UNSPECIFIED,
    }
}

/// `dead::beef` is a path of code more often than an address.
fn is_written(candidate: &str) -> bool {
    candidate.contains('.')
        || candidate
            .split(':')
            .filter(|group| !group.is_empty())
            .count()
            >= 3
            && candidate.bytes().any(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests;
