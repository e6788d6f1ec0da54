//! Canonical JSON (RFC 8785), the one form in which content is digested.

use serde::Serialize;

/// Not a value that canonical JSON can hold.
#[derive(Debug, thiserror::Error)]
#[error("not representable as canonical JSON: {0}")]
pub struct NotCanonical(String);

/// Canonical bytes of `value`.
///
/// # Errors
/// [`NotCanonical`] when a number is not finite or a map key is not a string.
pub fn to_vec(value: &impl Serialize) -> Result<Vec<u8>, NotCanonical> {
    serde_json_canonicalizer::to_vec(value).map_err(|error| NotCanonical(error.to_string()))
}
