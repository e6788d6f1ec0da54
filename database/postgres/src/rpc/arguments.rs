//! How arguments are spelled: as Postgres reads each type from JSON.

use std::fmt;
use std::net::IpAddr;

use aap::{AgentId, Timestamp};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::{Serialize, Serializer};
use trace_store::StoreError;
use uuid::Uuid;

use crate::append::{Call, Columns};
use crate::values::Time;

/// Writes a call's arguments.
pub(super) fn write(arguments: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(arguments).map_err(|error| StoreError::Failed(error.to_string()))
}

/// Of `append_batch`, under the names of its parameters.
#[derive(Serialize)]
pub(super) struct AppendArguments<'a> {
    received_at: When,
    address: Option<IpAddr>,
    stream: Option<Uuid>,
    note: Option<&'a str>,
    public_key: Option<&'a str>,
    trace_ids: &'a [Uuid],
    agent_ids: &'a [Uuid],
    #[serde(serialize_with = "times")]
    at: &'a [Time],
    #[serde(serialize_with = "times")]
    timestamps: &'a [Time],
    #[serde(serialize_with = "times")]
    starts: &'a [Time],
    #[serde(serialize_with = "some_times")]
    id_times: &'a [Option<Time>],
    repeats: &'a [bool],
    action_types: &'a [&'static str],
    tool_names: &'a [&'a str],
    session_ids: &'a [Option<&'a str>],
    rule_ids: &'a [Option<&'a str>],
    reasons: &'a [Option<&'a str>],
    values_violated: &'a [Option<String>],
    durations: &'a [Option<f64>],
    bins: &'a [Option<i16>],
    runtimes: &'a [Option<&'a str>],
    outcomes: &'a [Option<&'a str>],
    #[serde(serialize_with = "digests")]
    fingerprints: &'a [Vec<u8>],
    seqs: &'a [Option<i64>],
    #[serde(serialize_with = "some_digests")]
    prevs: &'a [Option<&'a [u8]>],
    documents: &'a [Option<&'a str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    commitments: Option<SomeDigests<'a>>,
}

impl<'a> AppendArguments<'a> {
    pub(super) fn of(call: &'a Call<'a>) -> Self {
        let columns: &Columns<'a> = &call.columns;
        Self {
            received_at: call.receipt.at.into(),
            address: call.receipt.network,
            stream: call.stream,
            note: call.note,
            public_key: call.public_key.as_deref(),
            trace_ids: &columns.trace_ids,
            agent_ids: &columns.agent_ids,
            at: &columns.at,
            timestamps: &columns.timestamps,
            starts: &columns.starts,
            id_times: &columns.id_times,
            repeats: &columns.repeats,
            action_types: &columns.action_types,
            tool_names: &columns.tool_names,
            session_ids: &columns.session_ids,
            rule_ids: &columns.rule_ids,
            reasons: &columns.reasons,
            values_violated: &columns.values_violated,
            durations: &columns.durations,
            bins: &columns.bins,
            runtimes: &columns.runtimes,
            outcomes: &columns.outcomes,
            fingerprints: &columns.fingerprints,
            seqs: &columns.seqs,
            prevs: &columns.prevs,
            documents: &columns.documents,
            commitments: columns.commitments.as_deref().map(SomeDigests),
        }
    }
}

/// Of `put_card`.
#[derive(Serialize)]
pub(super) struct CardArguments<'a> {
    pub(super) agent: AgentId,
    pub(super) card_id: &'a str,
    pub(super) fingerprint: Hex<[u8; 32]>,
    pub(super) issued_at: When,
    pub(super) received_at: When,
    pub(super) public_key: &'a str,
    pub(super) signed_card: String,
}

fn times<S: Serializer>(times: &[Time], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(times.iter().map(|time| When::from(time.0)))
}

fn some_times<S: Serializer>(times: &[Option<Time>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(times.iter().map(|time| time.map(|time| When::from(time.0))))
}

fn digests<S: Serializer>(digests: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(digests.iter().map(Hex))
}

fn some_digests<S: Serializer>(
    digests: &[Option<&[u8]>],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(digests.iter().map(|digest| digest.map(Hex)))
}

/// Digests, some of which are not there.
struct SomeDigests<'a>(&'a [Option<&'a [u8]>]);

impl Serialize for SomeDigests<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        some_digests(self.0, serializer)
    }
}

/// A `bytea`: `\x` and hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hex<B>(pub(super) B);

impl<B: AsRef<[u8]>> Serialize for Hex<B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let bytes = self.0.as_ref();
        let mut text = String::with_capacity(2 + bytes.len() * 2);
        text.push_str("\\x");
        for byte in bytes {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 0xf)]));
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Hex<[u8; 32]> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let digest = text
            .strip_prefix("\\x")
            .and_then(|digits| digits.parse().ok());
        let digest: aap::chain::Digest = digest
            .ok_or_else(|| D::Error::custom("not a digest: \\x and 64 hexadecimal digits"))?;
        Ok(Self(*digest.as_bytes()))
    }
}

/// A `timestamptz`, as [`Timestamp`] writes it, but for the year 0, which is 1 BC to Postgres. Written without a calendar's
/// help because a batch has four times a trace, and this runs where a microsecond counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct When(Timestamp);

impl From<Timestamp> for When {
    fn from(time: Timestamp) -> Self {
        Self(time)
    }
}

const MS_OF_DAY: i64 = 24 * 60 * 60 * 1000;

impl When {
    /// `YYYY-MM-DDTHH:MM:SS.mmmZ`, and whether it is before the year 1.
    fn digits(self) -> ([u8; 24], bool) {
        let (days, ms) = (
            self.0.millis().div_euclid(MS_OF_DAY),
            self.0.millis().rem_euclid(MS_OF_DAY),
        );
        // Days of the proleptic Gregorian calendar, in years that begin in March: the leap day comes last.
        let from_march = days + 719_468;
        let era = from_march.div_euclid(146_097);
        let day_of_era = from_march.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = (month_from_march + 2) % 12 + 1;
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        let bc = year < 1;
        let year = if bc { 1 - year } else { year };
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |from: usize, to: usize, mut number: i64| {
            for digit in text[from..to].iter_mut().rev() {
                // Below 10.
                *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
                number /= 10;
            }
        };
        put(0, 4, year);
        put(5, 7, month);
        put(8, 10, day);
        put(11, 13, ms / 3_600_000);
        put(14, 16, ms / 60_000 % 60);
        put(17, 19, ms / 1000 % 60);
        put(20, 23, ms % 1000);
        (text, bc)
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (digits, bc) = self.digits();
        f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)?;
        f.write_str(if bc { " BC" } else { "" })
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (digits, bc) = self.digits();
        match std::str::from_utf8(&digits) {
            Ok(text) if !bc => serializer.serialize_str(text),
            _ => serializer.collect_str(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_year_0_is_1_bc() {
        let first = When(Timestamp::from_millis(-62_167_219_200_000));
        assert_eq!(first.to_string(), "0001-01-01T00:00:00.000Z BC");
        let next = When(Timestamp::from_millis(-62_135_596_800_000));
        assert_eq!(next.to_string(), "0001-01-01T00:00:00.000Z");
    }

    proptest! {
        /// From the year 1 to 9999.
        #[test]
        fn a_time_is_written_as_everywhere_else(ms in -62_135_596_800_000_i64..=253_402_300_799_999) {
            let time = Timestamp::from_millis(ms);
            prop_assert_eq!(When(time).to_string(), time.to_string());
            prop_assert_eq!(serde_json::to_string(&When(time)).unwrap(), serde_json::to_string(&time).unwrap());
        }

        #[test]
        fn digests_come_back(bytes: [u8; 32]) {
            let text = serde_json::to_string(&Hex(bytes)).unwrap();
            prop_assert_eq!(serde_json::from_str::<Hex<[u8; 32]>>(&text).unwrap(), Hex(bytes));
        }
    }
}
