//! How the program is linked.
//!
//! An agent starts `smoltbot hook` before every tool call, so what the loader does counts. In a position-independent program it puts
//! some fifty thousand addresses right at each start, and the kernel copies the two hundred pages that they are in. Linux' usual
//! linkers can put them right once, when the program is built. Stack, heap and libraries are at random addresses all the same.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |name: &str, wanted: &str| std::env::var(name).is_ok_and(|found| found == wanted);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}
