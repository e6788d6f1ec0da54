use super::*;

fn found(text: &str) -> Vec<(&'static str, &str)> {
    let mut hits = Vec::new();
    personal(text, &mut hits);
    hits.iter()
        .map(|hit| (hit.rule, &text[hit.range.clone()]))
        .collect()
}

#[test]
fn each_kind_is_found_as_people_write_it() {
    for (rule, text) in [
        ("email", "ann.lee+x@mail.example.org"),
        ("ip-address", "203.0.113.9"),
        ("ip-address", "2001:db8::8a2e:370:7334"),
        ("phone-number", "+49 30 1234567"),
        ("phone-number", "(555) 234-5678"),
        ("phone-number", "555-234-5678"),
        ("iban", "DE89 3704 0044 0532 0130 00"),
        ("iban", "GB82WEST12345698765432"),
        ("credit-card", "4111 1111 1111 1111"),
        ("credit-card", "5555-5555-5555-4444"),
        ("credit-card", "378282246310005"),
        ("us-ssn", "123-45-6789"),
    ] {
        for (before, after) in [
            ("", ""),
            ("at ", ", then"),
            ("\"", "\""),
            ("x=", "&y"),
            ("<", ">"),
        ] {
            let text_in = format!("{before}{text}{after}");
            assert_eq!(found(&text_in), [(rule, text)], "{text_in}");
        }
    }
    assert_eq!(
        found("at +4930123456789"),
        [("phone-number", "+4930123456789")]
    );
}

#[test]
fn what_only_looks_like_it_stays() {
    for text in [
        "git@github.com:rust-lang/rust.git",
        "left-pad@1.3.0 and @types/node@22",
        "user@localhost",
        "127.0.0.1:8787 and 0.0.0.0 and ::1",
        "rustc 1.95.0, pkg==1.2.3.4, glibc-2.39.0.1",
        "std::net::Ipv4Addr and dead::beef and a::b::c",
        "12:34:56 on 2026-11-21",
        "1795232369577741 and 4111 1111 1111 1112 and 0000000000000000",
        "0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a",
        "000-12-3456 900-12-3456 123-00-4567 1123-45-67890",
        "DE89 3704 0044 0532 0130 01 and XX12",
        "+1234567890\n+20231231\n@@ -1,7 +1,9 @@",
        "1 + 2 + 3, v1.2.3.4567, 10.5.3, 192.168",
        "aws:arn:123456789012 and 1234567890",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn names_that_tell() {
    for name in ["email", "E-Mail", "phone_number", "dateOfBirth", "SSN"] {
        assert!(is_personal_name(name), "{name}");
    }
    for name in ["name", "filename", "phone_count", "address", "id"] {
        assert!(!is_personal_name(name), "{name}");
    }
}
