//! What is shipped holds none of the points at which tests kill and break the program.

#[test]
fn the_binary_has_no_points_to_be_broken_at() {
    let bytes = std::fs::read(env!("CARGO_BIN_EXE_smoltbot")).expect("the binary");
    let holds = |name: &[u8]| bytes.windows(name.len()).any(|window| window == name);
    // `delivery-oracle` holds the other binary to having it.
    assert!(!holds(b"SMOLTBOT_FAULT"), "built with the feature `faults`");
    assert!(holds(b"SMOLTBOT_HOME"), "this is how such a name is found");
}
