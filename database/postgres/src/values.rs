//! Parameters: values that know their type, so that no statement must be prepared to learn it.

use std::error::Error;

use aap::Timestamp;
use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};
use uuid::Uuid;

/// A parameter and its type.
pub(crate) type Typed<'a> = (&'a (dyn ToSql + Sync), Type);

/// 2000-01-01T00:00:00Z, from where Postgres counts, in milliseconds since 1970.
const POSTGRES_EPOCH_MS: i64 = 946_684_800_000;

/// A point in time as a `timestamptz`. A [`Timestamp`] is within the years 0 to 9999, all of which Postgres knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Timestamp);

impl ToSql for Time {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64((self.0.millis() - POSTGRES_EPOCH_MS) * 1000);
        Ok(IsNull::No)
    }
    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Time {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let us = i64::from_be_bytes(raw.try_into()?);
        let ms = us.div_euclid(1000).saturating_add(POSTGRES_EPOCH_MS);
        Ok(Self(Timestamp::from_millis(ms)))
    }
    accepts!(TIMESTAMPTZ);
}

/// A parameter of a question.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Time(Timestamp),
    Id(Uuid),
    Text(String),
    Number(i64),
}

impl Value {
    pub(crate) fn kind(&self) -> Type {
        match self {
            Self::Time(_) => Type::TIMESTAMPTZ,
            Self::Id(_) => Type::UUID,
            Self::Text(_) => Type::TEXT,
            Self::Number(_) => Type::INT8,
        }
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Time(time) => Time(*time).to_sql(ty, out),
            Self::Id(id) => id.to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
            Self::Number(number) => number.to_sql(ty, out),
        }
    }
    accepts!(TIMESTAMPTZ, UUID, TEXT, INT8);
    to_sql_checked!();
}

/// What `query_typed` takes.
pub(crate) fn typed(values: &[Value]) -> Vec<Typed<'_>> {
    values
        .iter()
        .map(|value| (value as &(dyn ToSql + Sync), value.kind()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_over_their_whole_range() {
        for ms in [
            i64::MIN,
            -1,
            0,
            POSTGRES_EPOCH_MS - 1,
            POSTGRES_EPOCH_MS,
            1,
            i64::MAX,
        ] {
            let time = Time(Timestamp::from_millis(ms));
            let mut bytes = BytesMut::new();
            time.to_sql(&Type::TIMESTAMPTZ, &mut bytes).unwrap();
            assert_eq!(Time::from_sql(&Type::TIMESTAMPTZ, &bytes).unwrap(), time);
        }
    }
}
