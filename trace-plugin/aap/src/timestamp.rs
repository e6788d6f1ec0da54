//! A point in time: milliseconds since the Unix epoch, written as RFC 3339 in UTC.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Milliseconds since the Unix epoch, from year 0 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// 0000-01-01T00:00:00Z.
const FIRST_MS: i64 = -62_167_219_200_000;
/// 9999-12-31T23:59:59.999Z.
const LAST_MS: i64 = 253_402_300_799_999;

/// Not a time that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 time such as 2026-11-21T02:10:00.123Z")]
pub struct NotATime(String);

impl Timestamp {
    /// From milliseconds since the epoch; times outside the years 0 to 9999 become the nearest one inside.
    pub fn from_millis(ms: i64) -> Self {
        Self(ms.clamp(FIRST_MS, LAST_MS))
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 with any offset; digits finer than a millisecond are cut.
    ///
    /// # Errors
    /// [`NotATime`] names the text.
    pub fn parse(text: &str) -> Result<Self, NotATime> {
        let time = OffsetDateTime::parse(text, &Rfc3339)
            .map_err(|_| NotATime(text.chars().take(64).collect()))?;
        let ms = time.unix_timestamp_nanos().div_euclid(1_000_000);
        Ok(Self::from_millis(i64::try_from(ms).unwrap_or(LAST_MS)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .map_err(|_| fmt::Error)?;
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            time.year(),
            u8::from(time.month()),
            time.day(),
            time.hour(),
            time.minute(),
            time.second(),
            time.millisecond()
        )
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn offsets_and_fractions_are_read() {
        let t = Timestamp::parse("2026-11-21T03:10:00.1239+01:00").unwrap();
        assert_eq!(t.to_string(), "2026-11-21T02:10:00.123Z");
        assert_eq!(
            Timestamp::parse("1970-01-01T00:00:00Z").unwrap().millis(),
            0
        );
    }

    #[test]
    fn what_is_no_time_is_named() {
        for text in [
            "",
            "yesterday",
            "2026-11-21",
            "2026-13-01T00:00:00Z",
            "1795224606094",
        ] {
            let error = Timestamp::parse(text).unwrap_err();
            assert!(error.to_string().contains(text));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(ms in FIRST_MS..=LAST_MS) {
            let t = Timestamp::from_millis(ms);
            prop_assert_eq!(Timestamp::parse(&t.to_string()).unwrap(), t);
        }
    }
}
