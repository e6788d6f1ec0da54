//! What is asked of the machine: where a person's files are, which programs there are, and which version of them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// How many directories above a program its package's `package.json` may be.
const PACKAGE_ABOVE: usize = 4;

/// A person's home and environment.
#[derive(Debug, Clone)]
pub struct Machine {
    home: PathBuf,
    variables: BTreeMap<OsString, OsString>,
    /// Where project settings are looked for.
    directory: PathBuf,
}

impl Machine {
    /// A machine where `home` is the person's home, and `directory` is where they are.
    pub fn new(
        home: PathBuf,
        directory: PathBuf,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        Self {
            home,
            directory,
            variables: variables.into_iter().collect(),
        }
    }

    /// The person's home.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The directory the person is in.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The directory that a variable names; none when it is unset or empty.
    pub(crate) fn named_by(&self, variable: &str) -> Option<PathBuf> {
        let value = self.variables.get(&OsString::from(variable))?;
        (!value.is_empty()).then(|| PathBuf::from(value))
    }

    /// The program of that name in `PATH`.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let path = self.variables.get(&OsString::from("PATH"))?;
        std::env::split_paths(path)
            .map(|directory| directory.join(name))
            .find(|program| {
                fs::metadata(program)
                    .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
            })
    }

    /// The version of the program of that name, as its package says or its path does. It is not started for this.
    pub(crate) fn version(&self, name: &str) -> Option<Version> {
        let program = fs::canonicalize(self.program(name)?).ok()?;
        let above = program.ancestors().skip(1).take(PACKAGE_ABOVE);
        let packaged = above.into_iter().find_map(|directory| {
            let text = fs::read_to_string(directory.join("package.json")).ok()?;
            let package: serde_json::Value = serde_json::from_str(&text).ok()?;
            Version::parse(package.get("version")?.as_str()?)
        });
        packaged.or_else(|| {
            let mut parts = program.iter().rev().filter_map(|part| part.to_str());
            parts.find_map(Version::parse)
        })
    }
}

/// A version: three numbers, and whatever follows them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    numbers: [u64; 3],
    text: String,
}

impl Version {
    /// Reads `1.2.3`, `v1.2.3` or `1.2.3-beta`.
    pub fn parse(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('v').unwrap_or(text);
        let end = bare
            .find(|c: char| c != '.' && !c.is_ascii_digit())
            .unwrap_or(bare.len());
        let mut numbers = bare[..end].split('.').map(str::parse);
        let mut next = || numbers.next()?.ok();
        let numbers = [next()?, next()?, next()?];
        Some(Self {
            numbers,
            text: bare.to_owned(),
        })
    }

    /// Whether it is older than `major.minor.patch`.
    pub fn is_before(&self, than: [u64; 3]) -> bool {
        self.numbers < than
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        let version = Version::parse("v2.10.3-beta.1").unwrap();
        assert!(version.is_before([2, 10, 4]) && !version.is_before([2, 9, 30]));
        assert_eq!(version.as_str(), "2.10.3-beta.1");
        for text in ["", "v", "2", "2.1", "claude", "node_modules", "1.x.2"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_version_is_read_without_starting_the_program() {
        let dir = tempfile::tempdir().unwrap();
        let package = dir.path().join("lib/@scope/tool");
        let versions = dir.path().join("share/other/versions");
        let bin = dir.path().join("bin");
        for directory in [&package.join("bin"), &versions, &bin] {
            fs::create_dir_all(directory).unwrap();
        }
        fs::write(package.join("package.json"), r#"{"version":"1.4.0"}"#).unwrap();
        for (file, link) in [
            (package.join("bin/tool.js"), "tool"),
            (versions.join("2.1.7"), "other"),
        ] {
            fs::write(&file, "#!/bin/false\n").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
            symlink(&file, bin.join(link)).unwrap();
        }
        let variables = [("PATH".into(), bin.into_os_string())];
        let machine = Machine::new(dir.path().into(), "/".into(), variables);
        let version = |name| machine.version(name).map(|version| version.text);
        assert_eq!(version("tool").as_deref(), Some("1.4.0"));
        assert_eq!(version("other").as_deref(), Some("2.1.7"));
        assert_eq!(version("absent"), None);
    }
}
