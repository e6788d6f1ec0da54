//! Protobuf's wire format: tags, varints, fixed numbers and lengths.

use crate::span::Unreadable;

/// What stands behind a tag.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    /// Of no use here.
    Fixed32,
}

impl<'a> Field<'a> {
    pub(crate) fn bytes(self) -> Result<&'a [u8], Unreadable> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(Unreadable::Protobuf("a field has another type than OTLP's")),
        }
    }

    pub(crate) fn text(self) -> Result<String, Unreadable> {
        let text = std::str::from_utf8(self.bytes()?);
        text.map(str::to_owned)
            .map_err(|_| Unreadable::Protobuf("a text is not UTF-8"))
    }

    pub(crate) fn number(self) -> Result<u64, Unreadable> {
        match self {
            Self::Varint(number) | Self::Fixed64(number) => Ok(number),
            _ => Err(Unreadable::Protobuf("a field has another type than OTLP's")),
        }
    }
}

const BROKEN_OFF: Unreadable = Unreadable::Protobuf("it breaks off");

/// Reads the fields of one message.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    fn varint(&mut self) -> Result<u64, Unreadable> {
        let mut number = 0;
        for shift in (0..70).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(BROKEN_OFF)?;
            self.0 = rest;
            // Of the tenth byte one bit is left.
            if shift == 63 && byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Unreadable::Protobuf("a number is longer than 64 bits"))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(BROKEN_OFF)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next field's number and content.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Field<'a>)>, Unreadable> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let field = match tag & 7 {
            0 => Field::Varint(self.varint()?),
            1 => {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(self.take(8)?);
                Field::Fixed64(u64::from_le_bytes(bytes))
            }
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| BROKEN_OFF)?;
                Field::Bytes(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                Field::Fixed32
            }
            _ => return Err(Unreadable::Protobuf("a field has no type")),
        };
        match tag >> 3 {
            0 => Err(Unreadable::Protobuf("a field has the number 0")),
            number => Ok(Some((number, field))),
        }
    }
}

pub(crate) fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        #[expect(clippy::cast_possible_truncation, reason = "seven bits at a time")]
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is below 128")]
    out.push(number as u8);
}

pub(crate) fn put_number(field: u64, number: u64, out: &mut Vec<u8>) {
    put_varint(field << 3, out);
    put_varint(number, out);
}

pub(crate) fn put_fixed64(field: u64, number: u64, out: &mut Vec<u8>) {
    put_varint(field << 3 | 1, out);
    out.extend_from_slice(&number.to_le_bytes());
}

pub(crate) fn put_bytes(field: u64, bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(field << 3 | 2, out);
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// A message within a message.
pub(crate) fn put_message(field: u64, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    write(&mut inner);
    put_bytes(field, &inner, out);
}
