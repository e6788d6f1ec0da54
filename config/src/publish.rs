//! The section `publish`: how much of what agents do leaves this machine.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Tools that may have a level of their own.
pub const MAX_TOOL_LEVELS: usize = 256;
/// Bytes of a tool's name, or of a glob of names.
pub const MAX_TOOL_BYTES: usize = 256;

/// What leaves this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub struct Publish {
    /// How much of parameters and results; unset means `shape` to a remote edge and `preview` to one on loopback.
    pub level: Option<PublishLevel>,
    /// The levels of some tools, by name or glob (`*` is any characters, `?` is one). A name goes before a glob, a glob that
    /// names more characters before one that names fewer, all of them before `level`.
    #[serde(deserialize_with = "tools")]
    pub tools: BTreeMap<String, PublishLevel>,
    /// What becomes of personal data, such as e-mail addresses; `keep`. Secrets are always masked.
    pub pii: Pii,
}

/// How much is published. What each level means is `redact`'s business; the words are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishLevel {
    /// Neither parameters nor results.
    None,
    /// Keys, types and lengths.
    Shape,
    /// Masked parameters and the beginning of results.
    Preview,
    /// Masked parameters and results.
    Full,
}

impl PublishLevel {
    const ALL: [Self; 4] = [Self::None, Self::Shape, Self::Preview, Self::Full];

    /// The lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Shape => "shape",
            Self::Preview => "preview",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for PublishLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not a publish level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no publish level: use none, shape, preview or full")]
pub struct UnknownLevel(String);

impl FromStr for PublishLevel {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let level = Self::ALL.into_iter().find(|level| level.as_str() == text);
        level.ok_or_else(|| UnknownLevel(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for PublishLevel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

/// What becomes of personal data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pii {
    /// It is published like any other content, as far as the level goes.
    #[default]
    Keep,
    /// It is masked like a secret.
    Mask,
}

impl<'de> Deserialize<'de> for Pii {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "keep" => Ok(Self::Keep),
            "mask" => Ok(Self::Mask),
            other => Err(D::Error::custom(format_args!(
                "\"{other}\" is neither keep nor mask"
            ))),
        }
    }
}

/// Levels by tool.
fn tools<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, PublishLevel>, D::Error> {
    struct Tools;
    impl<'de> Visitor<'de> for Tools {
        type Value = BTreeMap<String, PublishLevel>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(
                "an object of levels by tool, such as {\"exec\": \"shape\", \"mcp__*\": \"none\"}",
            )
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
            let mut tools = BTreeMap::new();
            while let Some((tool, level)) = members.next_entry::<String, _>()? {
                if !(1..=MAX_TOOL_BYTES).contains(&tool.len()) {
                    return Err(A::Error::custom(format_args!(
                        "a tool's name has {} bytes: write 1 to {MAX_TOOL_BYTES}, or a glob such as mcp__*",
                        tool.len()
                    )));
                }
                tools.insert(tool, level);
            }
            if tools.len() > MAX_TOOL_LEVELS {
                return Err(A::Error::custom(format_args!(
                    "names {} tools, of at most {MAX_TOOL_LEVELS}: use globs such as mcp__*",
                    tools.len()
                )));
            }
            Ok(tools)
        }
    }
    deserializer.deserialize_map(Tools)
}
