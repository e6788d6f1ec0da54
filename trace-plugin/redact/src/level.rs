//! How much of a call's content is published.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What of parameters and results leaves, from nothing to everything that is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing: neither parameters nor result.
    None,
    /// Keys, types and lengths, and a salted digest of the result.
    Shape,
    /// Masked parameters, and the masked first bytes of the result with its length and salted digest.
    Preview,
    /// Masked parameters and result, cut to size.
    Full,
}

impl Level {
    /// All levels, from least to most.
    pub const ALL: [Self; 4] = [Self::None, Self::Shape, Self::Preview, Self::Full];

    /// The lower-case word used in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Shape => "shape",
            Self::Preview => "preview",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not a publish level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no publish level: use none, shape, preview or full")]
pub struct UnknownLevel(String);

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or_else(|| UnknownLevel(text.chars().take(32).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_written_and_read_in_lower_case() {
        for level in Level::ALL {
            assert_eq!(level.to_string().parse(), Ok(level));
            assert_eq!(serde_json::to_value(level).unwrap(), level.as_str());
        }
        assert_eq!(
            "Full".parse::<Level>().unwrap_err().to_string(),
            "`Full` is no publish level: use none, shape, preview or full"
        );
    }
}
