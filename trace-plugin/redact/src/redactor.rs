//! The one maker of [`Redacted`].

use std::io::{self, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::level::Level;
use crate::limits::{
    MAX_FULL_STRING_BYTES, MAX_PARAMS_BYTES, MAX_PREVIEW_STRING_BYTES, MAX_RESULT_BYTES,
    MAX_RESULT_PREVIEW_BYTES, MAX_TEXT_BYTES,
};
use crate::mask::{Hide, mask_and_cut};
use crate::preview;
use crate::publishing::Publishing;
use crate::redacted::{Masks, Redacted};
use crate::shape::Shaper;
use crate::walk::{Walk, is_too_deep, mask_within};

/// Why a value could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The value has no JSON form.
    #[error("cannot be written as JSON: {0}")]
    Serialize(#[source] serde_json::Error),
    /// What is left after masking is no value of its type any more, say because a secret stood where an id belongs.
    /// The words of the error are masked too.
    #[error("is not what it was after secrets were masked: {0}")]
    Rebuild(String),
}

/// Masks secrets and publishes no more than its level allows. Costs nothing to make; rules are compiled when called for.
#[derive(Debug, Clone)]
pub struct Redactor {
    publishing: Publishing,
    home: Option<String>,
    masks_personal: bool,
}

impl Redactor {
    /// A redactor that publishes `level` of every tool.
    pub fn new(level: Level) -> Self {
        Self {
            publishing: Publishing::new(level),
            home: None,
            masks_personal: false,
        }
    }

    /// Writes paths below `home` as `~/…`. The root directory and an empty path are nobody's home.
    pub fn with_home(mut self, home: Option<String>) -> Self {
        self.home = home
            .map(|home| home.trim_end_matches(['/', '\\']).to_owned())
            .filter(|home| !home.is_empty());
        self
    }

    /// Publishes `level` of calls of `tool`, which is a name or a glob: `*` is any characters, `?` is one.
    ///
    /// A name goes before a glob, a glob that names more characters before one that names fewer, and of two that name as many
    /// the one that publishes less.
    pub fn with_tool_level(mut self, tool: impl Into<String>, level: Level) -> Self {
        self.publishing.set(tool.into(), level);
        self
    }

    /// Masks personal data as well: addresses, numbers and what keys call personal; see `docs/redaction.md`.
    pub fn with_personal_masked(mut self, masks_personal: bool) -> Self {
        self.masks_personal = masks_personal;
        self
    }

    /// The level that holds for `tool`.
    pub fn level(&self, tool: &str) -> Level {
        self.publishing.level(tool)
    }

    fn hide(&self) -> Hide<'_> {
        Hide {
            home: self.home.as_deref(),
            personal: self.masks_personal,
        }
    }

    /// The parameters of a call of `tool`, at most [`MAX_PARAMS_BYTES`] as JSON.
    pub fn params(&self, tool: &str, params: &Value) -> Redacted<Value> {
        let mut masks = Masks::default();
        let hide = self.hide();
        let value = match self.level(tool) {
            Level::None => withheld(),
            Level::Shape => Shaper::new(hide, &mut masks).shape(params, 0),
            Level::Preview => mask_within(
                params,
                MAX_PARAMS_BYTES,
                MAX_PREVIEW_STRING_BYTES,
                hide,
                &mut masks,
            ),
            Level::Full => mask_within(
                params,
                MAX_PARAMS_BYTES,
                MAX_FULL_STRING_BYTES,
                hide,
                &mut masks,
            ),
        };
        Redacted::new(value, masks)
    }

    /// The result of a call of `tool`, at most [`MAX_RESULT_BYTES`] as JSON.
    ///
    /// `bytes` and `sha256` speak of the raw result: the text of a string, the compact JSON of anything else. The digest
    /// is SHA-256 over `salt` and those bytes, in hexadecimal; without the salt it tells nothing about a short result.
    pub fn result(&self, tool: &str, result: &Value, salt: &[u8]) -> Redacted<Value> {
        let mut masks = Masks::default();
        let hide = self.hide();
        let value = match self.level(tool) {
            Level::None => withheld(),
            _ if result.is_null() => Value::Null,
            Level::Shape => {
                let shape = Shaper::new(hide, &mut masks).shape(result, 0);
                let mut members = Map::new();
                members.insert("shape".to_owned(), shape);
                measure(result, salt, &mut members);
                Value::Object(members)
            }
            Level::Preview => {
                let text = preview::text(result, hide, &mut masks);
                let text = mask_and_cut(&text, MAX_RESULT_PREVIEW_BYTES, hide, &mut masks);
                let mut members = Map::new();
                members.insert("preview".to_owned(), text.into());
                measure(result, salt, &mut members);
                preview::scalars(result, hide, &mut masks, &mut members);
                Value::Object(members)
            }
            Level::Full => mask_within(
                result,
                MAX_RESULT_BYTES,
                MAX_FULL_STRING_BYTES,
                hide,
                &mut masks,
            ),
        };
        Redacted::new(value, masks)
    }

    /// A text alone, such as a reason or an error, at most [`MAX_TEXT_BYTES`].
    pub fn text(&self, text: &str) -> Redacted<String> {
        let mut masks = Masks::default();
        let text = mask_and_cut(text, MAX_TEXT_BYTES, self.hide(), &mut masks);
        Redacted::new(text, masks)
    }

    /// Masks every string of a whole value, keys too, whatever the level; sizes stay as they are. The door for a trace
    /// that is finished and for a call that waits for its result.
    ///
    /// # Errors
    /// [`SealError`] when the value has no JSON form, or is no `T` any more once it is masked.
    pub fn seal<T: Serialize + DeserializeOwned>(
        &self,
        value: T,
    ) -> Result<Redacted<T>, SealError> {
        let mut masks = Masks::default();
        let before = serde_json::to_value(&value).map_err(SealError::Serialize)?;
        let after = Walk {
            hide: self.hide(),
            masks: &mut masks,
            budget: None,
            max_depth: aap::limits::MAX_DEPTH,
        }
        .value(&before);
        if before == after {
            return Ok(Redacted::new(value, masks));
        }
        match serde_json::from_value(after) {
            Ok(value) => Ok(Redacted::new(value, masks)),
            Err(error) => Err(SealError::Rebuild(
                self.text(&error.to_string()).into_inner(),
            )),
        }
    }
}

/// What stands for content that is not published at all.
fn withheld() -> Value {
    json!({"published": Level::None})
}

/// Adds size and salted digest of a raw result; not of one that is nested too deep to be written as JSON.
fn measure(result: &Value, salt: &[u8], into: &mut Map<String, Value>) {
    struct Meter {
        digest: Sha256,
        bytes: u64,
    }
    impl Write for Meter {
        fn write(&mut self, part: &[u8]) -> io::Result<usize> {
            self.digest.update(part);
            self.bytes += part.len() as u64;
            Ok(part.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    if is_too_deep(result) {
        return;
    }
    let mut meter = Meter {
        digest: Sha256::new_with_prefix(salt),
        bytes: 0,
    };
    if let Value::String(text) = result {
        meter.digest.update(text.as_bytes());
        meter.bytes = text.len() as u64;
    } else {
        // Escaping writes a few bytes at a time; the digest takes blocks.
        let mut buffered = io::BufWriter::with_capacity(16 * 1024, &mut meter);
        // The meter never fails, and a `Value` always has a JSON form.
        let _ = serde_json::to_writer(&mut buffered, result);
        let _ = buffered.flush();
        drop(buffered);
    }
    let hex = meter
        .digest
        .finalize()
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            for half in [byte >> 4, byte & 15] {
                hex.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
            }
            hex
        });
    into.insert("bytes".to_owned(), meter.bytes.into());
    into.insert("sha256".to_owned(), hex.into());
}
