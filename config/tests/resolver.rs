//! Who is asked for TXT records: a word or an address.

use smoltbot_config::Dns;

#[test]
fn a_resolver_is_a_word_or_an_address() {
    assert_eq!("off".parse(), Ok(Dns::Off));
    assert_eq!("system".parse(), Ok(Dns::System));
    let own = "127.0.0.1:5353".parse().unwrap();
    assert_eq!("127.0.0.1:5353".parse(), Ok(Dns::Server(own)));
    for wrong in [
        "",
        "dns.example.com",
        "https://192.0.2.1/dns-query",
        "1.2.3",
    ] {
        let said = wrong.parse::<Dns>().unwrap_err();
        assert!(said.contains("use system, off"), "{said}");
    }
}
