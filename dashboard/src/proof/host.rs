//! Which hosts the public DNS could know: strangers choose what is asked for, and must not ask for names of this network.

/// Bytes of the longest name: 253, less [`super::LABEL`] and its dot.
const MAX_BYTES: usize = 253 - super::LABEL.len() - 1;
/// Bytes of a label.
const MAX_LABEL: usize = 63;

/// Last labels that mean something within a network only, or nothing at all: RFC 6761, 6762, 7686, 8375, 9476, and those that
/// ICANN keeps out of the root because networks use them.
const PRIVATE: [&str; 14] = [
    "alt",
    "arpa",
    "corp",
    "example",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localhost",
    "onion",
    "private",
    "test",
];

/// `host` in lower case if it is a name that the public DNS could know: letters, digits and hyphens in at least two labels, no
/// address, nothing of a private network.
pub(crate) fn public(host: &str) -> Option<String> {
    let host = host.to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let (_, last) = host.rsplit_once('.')?;
    // The last label of an address is a number, also in the forms that only some programs read, such as 0x7f.
    let addressed = last.starts_with(|c: char| c.is_ascii_digit());
    (host.len() <= MAX_BYTES
        && host.split('.').all(is_label)
        && !addressed
        && !PRIVATE.contains(&last))
    .then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_names_are_asked_for() {
        assert_eq!(
            public("Agents.Example.COM").as_deref(),
            Some("agents.example.com")
        );
        assert!(public("xn--bcher-kva.de").is_some());
        let long = format!("{}.com", ["a"; 121].join("."));
        assert!(public(&long).is_none(), "245 bytes, with the label 255");
        assert!(public(&long[2..]).is_some());
        for wrong in [
            "",
            "localhost",
            "com",
            "printer.local",
            "db.internal",
            "nas.lan",
            "router.home.arpa",
            "1.0.0.127.in-addr.arpa",
            "a.localhost",
            "x.test",
            "x.onion",
            "127.0.0.1",
            "169.254.169.254",
            "2130706433",
            "127.0x7f",
            "1.2.3.0x4",
            "[::1]",
            "a..b.com",
            ".a.com",
            "a.com.",
            "-a.com",
            "a-.com",
            "a_b.com",
            "a b.com",
            "a.com/",
            "ex\u{430}mple.com",
            &format!("{}.com", "a".repeat(64)),
        ] {
            assert_eq!(public(wrong), None, "{wrong}");
        }
    }
}
