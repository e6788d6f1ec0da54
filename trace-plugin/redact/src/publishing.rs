//! Which level holds for which tool.

use std::collections::HashMap;

use crate::level::Level;

/// A level for all tools, and others for some.
#[derive(Debug, Clone)]
pub(crate) struct Publishing {
    default: Level,
    exact: HashMap<String, Level>,
    /// Names with `*` or `?`, the most telling first.
    globs: Vec<(String, Level)>,
}

impl Publishing {
    pub(crate) fn new(default: Level) -> Self {
        Self {
            default,
            exact: HashMap::new(),
            globs: Vec::new(),
        }
    }

    /// Sets the level of a tool, or of all whose name a glob fits.
    pub(crate) fn set(&mut self, tool: String, level: Level) {
        if !tool.contains(['*', '?']) {
            self.exact.insert(tool, level);
            return;
        }
        self.globs.push((tool, level));
        // The more a glob says, the earlier; of two that say as much, the one that publishes less.
        self.globs
            .sort_by_key(|(glob, level)| (usize::MAX - told(glob), *level));
    }

    /// The level of `tool`: by its name, else by the first glob that fits, else that of all.
    pub(crate) fn level(&self, tool: &str) -> Level {
        self.exact.get(tool).copied().unwrap_or_else(|| {
            let glob = self
                .globs
                .iter()
                .find(|(glob, _)| fits(glob.as_bytes(), tool.as_bytes()));
            glob.map_or(self.default, |(_, level)| *level)
        })
    }
}

/// How many characters a glob names.
fn told(glob: &str) -> usize {
    glob.chars().filter(|c| !matches!(c, '*' | '?')).count()
}

/// Whether a glob fits a whole name; `*` is any characters, `?` is one byte. Linear in the product of both.
fn fits(glob: &[u8], name: &[u8]) -> bool {
    let (mut g, mut n) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while n < name.len() {
        match glob.get(g) {
            Some(b'*') => {
                back = Some((g, n));
                g += 1;
            }
            Some(&byte) if byte == b'?' || byte == name[n] => {
                g += 1;
                n += 1;
            }
            _ => {
                let Some((star, from)) = back else {
                    return false;
                };
                back = Some((star, from + 1));
                (g, n) = (star + 1, from + 1);
            }
        }
    }
    glob[g..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_fit_whole_names() {
        for (glob, name) in [
            ("*", ""),
            ("mcp__*", "mcp__github__search"),
            ("*__search", "mcp__github__search"),
            ("mcp__*__search", "mcp__a__b__search"),
            ("web_?etch", "web_fetch"),
            ("a*a", "aaa"),
        ] {
            assert!(fits(glob.as_bytes(), name.as_bytes()), "{glob} {name}");
        }
        for (glob, name) in [
            ("mcp__*", "mcp"),
            ("?", ""),
            ("a*b", "ac"),
            ("read", "reads"),
            ("a*a", "a"),
        ] {
            assert!(!fits(glob.as_bytes(), name.as_bytes()), "{glob} {name}");
        }
    }

    #[test]
    fn a_name_says_more_than_a_glob_and_a_long_glob_more_than_a_short_one() {
        let mut publishing = Publishing::new(Level::Shape);
        for (tool, level) in [
            ("*", Level::None),
            ("mcp__*", Level::Preview),
            ("mcp__github__*", Level::Full),
            ("*__search", Level::Full),
            ("mcp__github__get", Level::Shape),
            ("a*", Level::Full),
            ("*a", Level::None),
        ] {
            publishing.set(tool.to_owned(), level);
        }
        assert_eq!(publishing.level("exec"), Level::None);
        assert_eq!(publishing.level("mcp__x"), Level::Preview);
        assert_eq!(publishing.level("mcp__github__put"), Level::Full);
        assert_eq!(publishing.level("mcp__github__get"), Level::Shape);
        assert_eq!(
            publishing.level("aa"),
            Level::None,
            "of equals the one that publishes less"
        );
    }
}
