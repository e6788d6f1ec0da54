//! Sections that have names of the operator's own, as `providers.NAME`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Bytes of such a name.
const MAX_NAME_BYTES: usize = 64;

/// A section with a name.
pub(crate) trait Named {
    /// What they are, as in "providers".
    const WHAT: &str;
    /// Whose name it is, as in "provider's".
    const WHOSE: &str;

    fn named(self, name: String) -> Self;
}

/// The sections in the order in which they stand.
pub(crate) fn in_order<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Named,
{
    deserializer.deserialize_map(Sections(PhantomData))
}

struct Sections<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Named> Visitor<'de> for Sections<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object of {} by name", T::WHAT)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut sections = Vec::new();
        while let Some(name) = members.next_key::<String>()? {
            let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
            if !(1..=MAX_NAME_BYTES).contains(&name.len()) || !name.chars().all(good) {
                return Err(A::Error::custom(format_args!(
                    "\"{name}\" is no {} name: write up to {MAX_NAME_BYTES} small letters, digits, - and _",
                    T::WHOSE
                )));
            }
            sections.push(members.next_value::<T>()?.named(name));
        }
        Ok(sections)
    }
}
