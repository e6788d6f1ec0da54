//! A Rust that compiles to WebAssembly: rustup's, or Debian's, whose standard library is compiled along.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Result, bail};

use crate::command::Line;
use crate::tree;

/// What the Worker is compiled for.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
/// Debian's compiler, beside whatever else is on the PATH.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
/// A compiler that is new enough for the workspace, the sources of its standard library, and `wasm-ld`.
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "rust-web-src", "lld"];
/// The environment variable that chooses one, `own` or `debian`, where both are there.
const CHOICE: &str = "SMOLTBOT_WASM_TOOLCHAIN";

/// How to compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The compiler on the PATH knows the target.
    Own,
    /// Debian's compiler, with the standard library compiled from its sources.
    Debian,
}

impl Toolchain {
    /// The one that is named in [`CHOICE`], else the first that is there, or can be made to be there.
    ///
    /// # Errors
    /// When there is none, or no such one; the message says what to install.
    pub(crate) fn ensure() -> Result<Self> {
        let choice = std::env::var_os(CHOICE);
        let choice = choice.as_ref().map(|value| value.to_string_lossy());
        let chosen = Self::chosen(choice.as_deref().unwrap_or_default())?;
        if let Some(found) = Self::found(chosen) {
            return Ok(found);
        }
        let may = |one| chosen.is_none_or(|chosen| chosen == one);
        if may(Self::Own) && Line::new("rustup").arg("--version").succeeds() {
            // Without a network this fails; then Debian may help.
            let _ = Line::new("rustup").args(["target", "add", TARGET]).run();
        }
        let root = nix::unistd::geteuid().is_root() && may(Self::Debian);
        if Self::found(chosen).is_none() && root && Line::new("apt-get").arg("--version").succeeds()
        {
            let quiet = |line: Line| line.env("DEBIAN_FRONTEND", "noninteractive");
            let _ = quiet(Line::new("apt-get").arg("update")).run();
            let install = ["install", "--yes", "--no-install-recommends"];
            let line = Line::new("apt-get").args(install).args(DEBIAN_PACKAGES);
            let _ = quiet(line).run();
        }
        match Self::found(chosen) {
            Some(found) => Ok(found),
            None => bail!("{}", missing(chosen)),
        }
    }

    /// What somebody asks for by `value`; none when it is empty.
    fn chosen(value: &str) -> Result<Option<Self>> {
        match value {
            "" => Ok(None),
            "own" => Ok(Some(Self::Own)),
            "debian" => Ok(Some(Self::Debian)),
            other => bail!(
                "{CHOICE} is {other:?}; it can be `own` (the compiler on the PATH) or `debian`"
            ),
        }
    }

    /// Of those that may be taken, the first that is there.
    fn found(chosen: Option<Self>) -> Option<Self> {
        let taken = |one| chosen.is_none_or(|chosen| chosen == one);
        [Self::Own, Self::Debian]
            .into_iter()
            .find(|one| taken(*one) && one.is_there())
    }

    fn is_there(self) -> bool {
        match self {
            Self::Own => {
                let args = ["--print", "target-libdir", "--target", TARGET];
                let libdir = ask(Path::new("rustc"), &args);
                libdir.is_some_and(|dir| Path::new(&dir).is_dir())
            }
            Self::Debian => {
                let rustc = Path::new(DEBIAN_RUSTC);
                let version = ask(rustc, &["--version"]).and_then(|text| parse_version(&text));
                let sources = ask(rustc, &["--print", "sysroot"]).map(|sysroot| {
                    PathBuf::from(sysroot).join("lib/rustlib/src/rust/library/Cargo.lock")
                });
                version.is_some_and(|version| version >= oldest())
                    && sources.is_some_and(|sources| sources.is_file())
                    && Line::new("wasm-ld").arg("--version").succeeds()
            }
        }
    }

    /// `cargo build` for the target.
    pub(crate) fn cargo_build(self) -> Line {
        let build = Line::cargo()
            .arg("build")
            .args(["--target", TARGET])
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", paths());
        match self {
            Self::Own => build,
            Self::Debian => build
                .arg("-Zbuild-std=std,panic_abort")
                .env("RUSTC", DEBIAN_RUSTC)
                // Compiling the standard library along is not stable yet.
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld"),
        }
    }
}

/// What to install for `chosen`, or for any.
fn missing(chosen: Option<Toolchain>) -> String {
    let own = format!("with rustup: rustup target add {TARGET}");
    let debian = format!(
        "on Debian: sudo apt-get install {}",
        DEBIAN_PACKAGES.join(" ")
    );
    match chosen {
        None => format!(
            "nothing here compiles Rust to WebAssembly; install one of\n   {own}\n   {debian}"
        ),
        Some(one) => {
            let (word, install) = match one {
                Toolchain::Own => ("own", own),
                Toolchain::Debian => ("debian", debian),
            };
            format!("{CHOICE} is `{word}`, which is not here or too old; install it\n   {install}")
        }
    }
}

/// Leaves out where this machine keeps sources: panics name files, and neither their words nor the bundle's size should
/// depend on who built it.
fn paths() -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let sources = home.map(|home| home.join("registry/src"));
    [sources.as_deref(), Some(tree::root())]
        .into_iter()
        .flatten()
        .map(Path::display)
        // Flags are told apart by blanks, so a path with one stays as it is.
        .filter(|path| !path.to_string().contains(' '))
        .map(|path| format!("--remap-path-prefix={path}/="))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The workspace's `rust-version`.
fn oldest() -> (u32, u32) {
    parse_version(concat!("rustc ", env!("CARGO_PKG_RUST_VERSION"))).unwrap_or_default()
}

/// Of `rustc 1.96.0 (…)`: major and minor.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.strip_prefix("rustc ")?.split(['.', ' ', '-']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn ask(rustc: &Path, args: &[&str]) -> Option<String> {
    let mut command = Line::new(rustc).args(args).command();
    let output = command.stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debians_own_old_rustc_is_not_taken() {
        assert!(oldest() >= (1, 95));
        assert!(parse_version("rustc 1.63.0").unwrap() < oldest());
        assert_eq!(
            parse_version("rustc 1.96.0 (ac68faa20 2026-05-25)"),
            Some((1, 96))
        );
        assert_eq!(parse_version("clang 14"), None);
    }

    #[test]
    fn one_can_be_chosen_and_nothing_else_is_taken_then() {
        assert_eq!(Toolchain::chosen("").unwrap(), None);
        assert_eq!(Toolchain::chosen("own").unwrap(), Some(Toolchain::Own));
        assert_eq!(
            Toolchain::chosen("debian").unwrap(),
            Some(Toolchain::Debian)
        );
        let told = Toolchain::chosen("Debian").unwrap_err().to_string();
        assert!(
            told.contains("SMOLTBOT_WASM_TOOLCHAIN is \"Debian\""),
            "{told}"
        );
        for one in [Toolchain::Own, Toolchain::Debian] {
            assert!(Toolchain::found(Some(one)).is_none_or(|found| found == one));
        }
        let told = missing(Some(Toolchain::Debian));
        assert!(
            told.contains("rustc-web") && !told.contains("rustup"),
            "{told}"
        );
        let told = missing(None);
        assert!(
            told.contains("rustc-web") && told.contains("rustup"),
            "{told}"
        );
    }

    #[test]
    fn debians_compiler_is_shown_with_all_it_needs() {
        let shown = Toolchain::Debian.cargo_build().to_string();
        for part in [
            "RUSTC=/usr/bin/rustc",
            "RUSTC_BOOTSTRAP=1",
            "-Zbuild-std",
            "wasm-ld",
        ] {
            assert!(shown.contains(part), "{shown}");
        }
        assert!(
            !Toolchain::Own
                .cargo_build()
                .to_string()
                .contains("BOOTSTRAP")
        );
    }
}
