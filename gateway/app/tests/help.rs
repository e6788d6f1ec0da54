//! Help texts, word for word: what a stranger reads first.

#[test]
fn help_is_what_it_was() {
    trycmd::TestCases::new()
        .default_bin_name("smoltbot")
        .case("tests/cmd/*.trycmd");
}
