//! Paths as text: absolute, below the home directory, or relative to a working directory that may be unknown.

use crate::world::World;

/// What a path starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    /// `/`
    Root,
    /// The home directory of the user that the tool runs as.
    Home,
    /// The working directory, where nobody said which it is.
    Cwd,
}

/// A path with `.` and `..` folded away. `dir/*` is kept as `dir` with `contents`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    base: Base,
    /// How many directories above `base`; only ever above zero for `Base::Cwd`.
    up: usize,
    parts: Vec<String>,
    contents: bool,
}

/// From this many `..` on, a relative path into `etc` and the like is taken to reach the root directory.
const CLIMBS_TO_ROOT: usize = 3;

/// What a pattern right under `/` may stand for, the gravest first.
const TOP_NAMES: &[&str] = &[
    "etc", "home", "root", "usr", "var", "boot", "bin", "lib", "dev",
];

/// What a pattern further down may stand for.
const DEAR_NAMES: &[&str] = &[
    ".ssh",
    ".aws",
    ".gnupg",
    ".kube",
    ".docker",
    ".smoltbot",
    ".claude",
    ".env",
    ".netrc",
    ".bashrc",
    ".zshrc",
    "shadow",
    "passwd",
    "sudoers",
    "id_rsa",
    "id_ed25519",
    "credentials",
    "authorized_keys",
    "settings.json",
];

impl Path {
    /// The unknown working directory.
    pub(crate) fn here() -> Self {
        Self {
            base: Base::Cwd,
            up: 0,
            parts: Vec::new(),
            contents: false,
        }
    }

    /// Reads `text` as a path seen from `cwd`; `home` is the home directory, where it is known.
    pub(crate) fn parse(text: &str, cwd: &Self, home: Option<&str>) -> Self {
        let text = text.strip_prefix("file://").unwrap_or(text);
        let slashed;
        let text = if text.contains('\\') {
            slashed = text.replace('\\', "/");
            slashed.as_str()
        } else {
            text
        };
        let home = home
            .map(|home| home.trim_end_matches('/'))
            .filter(|home| home.len() > 1);
        let (mut path, rest) = if let Some(rest) = text.strip_prefix('~') {
            match rest.split_once('/') {
                None if rest.is_empty() || rest == "+" || rest == "-" => (
                    Self {
                        base: Base::Home,
                        ..Self::here()
                    },
                    "",
                ),
                Some(("", rest)) => (
                    Self {
                        base: Base::Home,
                        ..Self::here()
                    },
                    rest,
                ),
                Some((user, rest)) if is_user(user) => (Self::of_user(user), rest),
                None if is_user(rest) => (Self::of_user(rest), ""),
                _ => (cwd.clone(), text),
            }
        } else if let Some(rest) = home
            .and_then(|home| text.strip_prefix(home))
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        {
            (
                Self {
                    base: Base::Home,
                    ..Self::here()
                },
                rest,
            )
        } else if text.starts_with('/') {
            (
                Self {
                    base: Base::Root,
                    ..Self::here()
                },
                text,
            )
        } else if let Some(rest) = drive(text) {
            (
                Self {
                    base: Base::Root,
                    ..Self::here()
                },
                rest,
            )
        } else {
            (cwd.clone(), text)
        };
        path.contents = false;
        path.walk(rest);
        path.reach_root();
        path
    }

    fn of_user(user: &str) -> Self {
        let parts = if user == "root" {
            vec!["root".to_owned()]
        } else {
            vec!["home".to_owned(), user.to_owned()]
        };
        Self {
            base: Base::Root,
            parts,
            ..Self::here()
        }
    }

    fn walk(&mut self, rest: &str) {
        for part in rest.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    if self.parts.pop().is_none() {
                        match self.base {
                            Base::Root => {}
                            // Above a home directory are all homes.
                            Base::Home => {
                                *self = Self {
                                    base: Base::Root,
                                    parts: vec!["home".to_owned()],
                                    ..Self::here()
                                }
                            }
                            Base::Cwd => self.up += 1,
                        }
                    }
                }
                part => self.parts.push(part.to_owned()),
            }
        }
        if self.parts.last().is_some_and(|last| {
            // All but a few.
            last.starts_with("!(")
                || matches!(
                    last.as_str(),
                    "*" | "**" | ".*" | ".[!.]*" | ".??*" | "*.*" | "?*"
                )
        }) {
            self.parts.pop();
            self.contents = true;
        }
    }

    /// `../../../../etc/passwd` reaches the root from any likely working directory.
    fn reach_root(&mut self) {
        let first = self.parts.first().map(String::as_str);
        if self.base == Base::Cwd
            && self.up >= CLIMBS_TO_ROOT
            && matches!(
                first,
                Some(
                    "etc"
                        | "usr"
                        | "boot"
                        | "home"
                        | "root"
                        | "var"
                        | "dev"
                        | "bin"
                        | "lib"
                        | "proc"
                )
            )
        {
            self.base = Base::Root;
            self.up = 0;
        }
    }

    pub(crate) fn base(&self) -> Base {
        self.base
    }

    pub(crate) fn parts(&self) -> &[String] {
        &self.parts
    }

    /// Whether it is `dir/*`: what is in the directory, not the directory itself.
    pub(crate) fn is_contents(&self) -> bool {
        self.contents
    }

    pub(crate) fn last(&self) -> Option<&str> {
        self.parts.last().map(String::as_str)
    }

    pub(crate) fn ends_with(&self, tail: &[&str]) -> bool {
        self.parts.len() >= tail.len()
            && self.parts[self.parts.len() - tail.len()..]
                .iter()
                .zip(tail)
                .all(|(a, b)| a == b)
    }

    /// The parts with a slash before each.
    pub(crate) fn joined(&self) -> String {
        self.parts
            .iter()
            .fold(String::new(), |text, part| text + "/" + part)
    }

    /// What follows a home directory (this user's or any other's), if the path is in one.
    pub(crate) fn home_rest(&self) -> Option<&[String]> {
        match (self.base, self.parts.as_slice()) {
            (Base::Home, rest) => Some(rest),
            (Base::Root, [root, rest @ ..]) if root == "root" => Some(rest),
            (Base::Root, [homes, _user, rest @ ..]) if homes == "home" || homes == "Users" => {
                Some(rest)
            }
            _ => None,
        }
    }

    pub(crate) fn is_glob(part: &str) -> bool {
        part.contains(['*', '?', '['])
    }

    /// Whether this is `other` or below it.
    pub(crate) fn inside(&self, other: &Self) -> bool {
        self.base == other.base && self.up == other.up && self.parts.starts_with(&other.parts)
    }

    /// Whether it is below a directory of temporary files.
    pub(crate) fn is_temporary(&self) -> bool {
        self.base == Base::Root
            && match self.parts.as_slice() {
                [tmp, _, ..] if tmp == "tmp" => true,
                [first, tmp, _, ..] => (first == "var" || first == "private") && tmp == "tmp",
                _ => false,
            }
    }

    /// What is below `from`, seen below `to` instead: where a link leads.
    pub(crate) fn rebased(&self, from: &Self, to: &Self) -> Self {
        if !self.inside(from) {
            return self.clone();
        }
        let mut path = to.clone();
        path.parts
            .extend_from_slice(&self.parts[from.parts.len()..]);
        path.contents |= self.contents;
        path
    }

    /// The gravest of the well-known names that the patterns among the parts stand for: `/e??/sh?dow`.
    pub(crate) fn likely_match(&self) -> Self {
        let mut path = self.clone();
        for (at, part) in path.parts.iter_mut().enumerate() {
            if !Self::is_glob(part) {
                continue;
            }
            let top = at == 0 && self.base == Base::Root;
            let names = if top { TOP_NAMES } else { DEAR_NAMES };
            let letters = part.chars().filter(char::is_ascii_alphanumeric).count();
            if let Some(name) = names
                .iter()
                .find(|name| (top || letters > 1) && crate::glob::matches(part, name))
            {
                (*name).clone_into(part);
            }
        }
        path
    }

    pub(crate) fn strictly_inside(&self, other: &Self) -> bool {
        self.inside(other) && self.parts.len() > other.parts.len()
    }

    /// The path as people write it; the home directory is `~`.
    pub(crate) fn display(&self) -> String {
        let mut text = match self.base {
            Base::Root if self.parts.is_empty() => return "/".to_owned(),
            Base::Root => self.joined(),
            Base::Home => format!("~{}", self.joined()),
            Base::Cwd => {
                let mut text = "../".repeat(self.up);
                text.push_str(&self.parts.join("/"));
                while text.ends_with('/') {
                    text.pop();
                }
                if text.is_empty() {
                    ".".to_owned()
                } else {
                    text
                }
            }
        };
        if self.contents {
            text.push_str("/*");
        }
        text
    }

    /// The absolute path, where it can be told.
    fn absolute(&self, home: Option<&str>) -> Option<String> {
        match self.base {
            Base::Root => Some(if self.parts.is_empty() {
                "/".to_owned()
            } else {
                self.joined()
            }),
            Base::Home => {
                home.map(|home| format!("{}{}", home.trim_end_matches('/'), self.joined()))
            }
            Base::Cwd => None,
        }
    }

    /// Where the path leads through symbolic links, if that is elsewhere. With `follow_last` unset the last part
    /// itself is not followed: deleting a link deletes the link.
    pub(crate) fn resolved(
        &self,
        world: &dyn World,
        home: Option<&str>,
        follow_last: bool,
    ) -> Option<Self> {
        let mut parent = self.clone();
        let kept = if follow_last || self.contents {
            None
        } else {
            parent.parts.pop()
        };
        let mut left = kept.map_or_else(Vec::new, |last| vec![last]);
        // A file that does not exist yet is where its nearest existing directory is.
        for _ in 0..=parent.parts.len() {
            if let Some(real) = world.resolve(&parent.absolute(home)?) {
                let mut path = Self::parse(&real, &Self::here(), home);
                path.parts.extend(left.into_iter().rev());
                path.contents = self.contents;
                return (path != *self).then_some(path);
            }
            left.push(parent.parts.pop()?);
        }
        None
    }
}

fn is_user(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// `C:/Users` → `/Users`.
fn drive(text: &str) -> Option<&str> {
    let mut chars = text.chars();
    let letter = chars.next()?;
    // `C:\Users` loses its backslash in a POSIX shell.
    (letter.is_ascii_uppercase() && chars.next() == Some(':')).then(|| &text[2..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Path::parse(text, &Path::here(), Some("/home/ada")).display()
    }

    #[test]
    fn folds_dots_and_finds_the_home_directory() {
        for (text, expected) in [
            ("/", "/"),
            ("//", "/"),
            ("/./..//", "/"),
            ("/*", "/"),
            ("~/..", "/home"),
            ("/home/ada/x/../y", "~/y"),
            ("~/x", "~/x"),
            ("~", "~"),
            ("~root/x", "/root/x"),
            ("a/./b/../c", "a/c"),
            ("..", ".."),
            ("../../x/*", "../../x/*"),
            ("../../../../etc/shadow", "/etc/shadow"),
            ("C:\\Windows", "/Windows"),
            ("", "."),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}
