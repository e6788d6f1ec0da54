//! Assignments of PowerShell: to its own variables and to those of the environment.

use super::Reader;
use crate::code::value::Value;

impl Reader<'_, '_> {
    /// `[string]$x = …`
    pub(super) fn typed_assignment(&self) -> bool {
        let mut depth = 0;
        for (ahead, c) in self.rest().iter().enumerate().take(80) {
            match c {
                '[' => depth += 1,
                ']' => {
                    depth -= 1;
                    if depth == 0 {
                        let rest: String =
                            self.chars[self.at + ahead + 1..].iter().take(40).collect();
                        let rest = rest.trim_start();
                        return rest.strip_prefix('$').is_some_and(|rest| {
                            let name = rest
                                .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':')))
                                .unwrap_or(rest.len());
                            let after = rest[name..].trim_start();
                            after.starts_with('=') && !after.starts_with("==")
                        });
                    }
                }
                _ => {}
            }
        }
        false
    }

    /// `$x = …`, `$env:X = …`, `$x += …`; none when it is no assignment.
    pub(super) fn assignment(&mut self) -> Option<Value> {
        let start = self.at;
        self.at += 1;
        let braced = self.peek() == Some('{');
        let name = if braced {
            self.bracketed()
        } else {
            let from = self.at;
            while self
                .peek()
                .is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ':'))
            {
                self.at += 1;
            }
            self.between(from, self.at)
        };
        self.blanks();
        let adds = self.peek() == Some('+');
        let equals = usize::from(adds);
        if name.is_empty()
            || self.peek_at(equals) != Some('=')
            || self.peek_at(equals + 1) == Some('=')
        {
            self.at = start;
            return None;
        }
        self.at += equals + 1;
        self.lines();
        let mut value = self.statement();
        let key = scoped(&name);
        if adds {
            value = match (self.variable(&key), value) {
                (Value::List(mut all), more) => {
                    all.push(more);
                    Value::list(all)
                }
                (before, more) => before.joined("", &more),
            };
        }
        if let Some(variable) = key.strip_prefix("env:")
            && let Some(field) = value.field().cloned()
        {
            let name = variable.to_ascii_uppercase();
            self.shell.assigned(&name, &field);
            self.shell.set(&name, &field);
        }
        self.names.insert(key, value.clone());
        Some(value)
    }
}

/// `script:Name` → `name`; `env:` stays.
pub(super) fn scoped(name: &str) -> String {
    let lower = name.trim().to_ascii_lowercase();
    for scope in [
        "global:",
        "script:",
        "local:",
        "private:",
        "using:",
        "variable:",
    ] {
        if let Some(rest) = lower.strip_prefix(scope) {
            return rest.to_owned();
        }
    }
    lower
}
