//! A provider's key, in a type that never prints it.

use std::fmt;

/// What a provider knows us by. Neither `Debug` nor an error shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// Takes a key as it was written; blanks around it are not part of it.
    pub fn new(key: impl AsRef<str>) -> Self {
        Self(key.as_ref().trim().to_owned())
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// `text` without the key: providers quote it in their errors.
    pub(super) fn hide_in(&self, text: &str) -> String {
        if self.0.is_empty() {
            return text.to_owned();
        }
        text.replace(&self.0, "[the key]")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_print_and_is_taken_out_of_texts() {
        let key = Key::new(" sk-secret-1\n");
        assert_eq!(format!("{key:?}"), "Key(…)");
        assert_eq!(key.expose(), "sk-secret-1");
        let told = key.hide_in("Incorrect API key provided: sk-secret-1.");
        assert_eq!(told, "Incorrect API key provided: [the key].");
        assert_eq!(Key::new(" ").hide_in("text"), "text");
    }
}
