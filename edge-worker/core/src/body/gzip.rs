//! Gzip (RFC 1952) around `miniz_oxide`'s inflate. A crate for both would bring what packs, and 16 KiB of tables, into a Worker.

use std::sync::LazyLock;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::DecompressorOxide;
use miniz_oxide::inflate::core::decompress;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;

/// Why bytes are no gzip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    #[error("it does not begin as gzip, or something else stands behind it")]
    Head,
    #[error("it breaks off")]
    Short,
    #[error("its data cannot be unpacked")]
    Data,
    #[error("its checksum does not fit")]
    Checksum,
    #[error("its length does not fit")]
    Length,
}

/// Bytes of the fixed part of a member's head: magic number, method, flags, time, hints, system.
const HEAD: usize = 10;
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
const HAS_CHECKSUM: u8 = 1 << 1;
const HAS_EXTRA: u8 = 1 << 2;
const HAS_NAME: u8 = 1 << 3;
const HAS_COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;
/// Bytes of the checksum and the length behind a member's data.
const TAIL: usize = 8;

/// Appends what the members of `packed` unpack to, and stops one byte over `cap`.
pub(super) fn unpack(mut packed: &[u8], plain: &mut Vec<u8>, cap: usize) -> Result<(), Wrong> {
    loop {
        packed = head(packed)?;
        let start = plain.len();
        packed = inflate(packed, plain, cap)?;
        if plain.len() > cap {
            return Ok(());
        }
        let (tail, rest) = packed.split_first_chunk::<TAIL>().ok_or(Wrong::Short)?;
        let [a, b, c, d, length @ ..] = *tail;
        let member = &plain[start..];
        if u32::from_le_bytes([a, b, c, d]) != crc32(member) {
            return Err(Wrong::Checksum);
        }
        // The low 32 bits of it.
        #[allow(clippy::cast_possible_truncation)]
        if u32::from_le_bytes(length) != member.len() as u32 {
            return Err(Wrong::Length);
        }
        if rest.is_empty() {
            return Ok(());
        }
        packed = rest;
    }
}

/// What is behind a member's head.
fn head(packed: &[u8]) -> Result<&[u8], Wrong> {
    let begun = &packed[..packed.len().min(MAGIC.len())];
    if !MAGIC.starts_with(begun) {
        return Err(Wrong::Head);
    }
    let (head, mut rest) = packed.split_first_chunk::<HEAD>().ok_or(Wrong::Short)?;
    let flags = head[3];
    if flags & RESERVED != 0 {
        return Err(Wrong::Head);
    }
    if flags & HAS_EXTRA != 0 {
        let (length, behind) = rest.split_first_chunk().ok_or(Wrong::Short)?;
        let length = usize::from(u16::from_le_bytes(*length));
        rest = behind.get(length..).ok_or(Wrong::Short)?;
    }
    for _ in 0..(flags & (HAS_NAME | HAS_COMMENT)).count_ones() {
        let end = rest.iter().position(|&byte| byte == 0);
        rest = &rest[end.ok_or(Wrong::Short)? + 1..];
    }
    if flags & HAS_CHECKSUM != 0 {
        let (told, behind) = rest.split_first_chunk().ok_or(Wrong::Short)?;
        let before = &packed[..packed.len() - rest.len()];
        if u32::from(u16::from_le_bytes(*told)) != crc32(before) & 0xffff {
            return Err(Wrong::Checksum);
        }
        rest = behind;
    }
    Ok(rest)
}

/// Appends what deflated data unpacks to, at most to one byte over `cap`, and tells what is behind the data.
fn inflate<'a>(mut packed: &'a [u8], plain: &mut Vec<u8>, cap: usize) -> Result<&'a [u8], Wrong> {
    /// As much room as is made at first.
    const LEAST: usize = 4096;
    let start = plain.len();
    let mut state = Box::new(DecompressorOxide::new());
    let mut end = start;
    loop {
        let room = (2 * plain.len()).max(plain.capacity()).max(LEAST);
        plain.resize(room.min(cap + 1), 0);
        let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        // What a member refers back to is in itself.
        let member = &mut plain[start..];
        let (status, read, written) = decompress(&mut state, packed, member, end - start, flags);
        packed = &packed[read..];
        end += written;
        match status {
            TINFLStatus::Done => {
                plain.truncate(end);
                return Ok(packed);
            }
            TINFLStatus::HasMoreOutput if end > cap => {
                plain.truncate(end);
                return Ok(packed);
            }
            TINFLStatus::HasMoreOutput => {}
            TINFLStatus::FailedCannotMakeProgress | TINFLStatus::NeedsMoreInput => {
                return Err(Wrong::Short);
            }
            _ => return Err(Wrong::Data),
        }
    }
}

/// Bytes that are looked up at once.
const AT_ONCE: usize = 8;

/// What each byte adds to the checksum, if so many bytes follow it. Made at the first use, which takes microseconds.
static TABLES: LazyLock<[[u32; 256]; AT_ONCE]> = LazyLock::new(|| {
    let mut tables = [[0; 256]; AT_ONCE];
    for (byte, entry) in (0..).zip(&mut tables[0]) {
        *entry = (0..8).fold(byte, |crc: u32, _| (crc >> 1) ^ ((crc & 1) * 0xedb8_8320));
    }
    for following in 1..AT_ONCE {
        for byte in 0..256 {
            let before = tables[following - 1][byte];
            tables[following][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
        }
    }
    tables
});

/// The checksum of gzip, ITU-T V.42.
fn crc32(bytes: &[u8]) -> u32 {
    let tables = &*TABLES;
    let of = |following: usize, byte: u8| tables[following][usize::from(byte)];
    let (eights, rest) = bytes.as_chunks::<AT_ONCE>();
    let crc = eights
        .iter()
        .fold(u32::MAX, |crc, &[a, b, c, d, e, f, g, h]| {
            let [s, t, u, v] = (crc ^ u32::from_le_bytes([a, b, c, d])).to_le_bytes();
            of(7, s) ^ of(6, t) ^ of(5, u) ^ of(4, v) ^ of(3, e) ^ of(2, f) ^ of(1, g) ^ of(0, h)
        });
    !rest.iter().fold(crc, |crc, byte| {
        (crc >> 8) ^ of(0, crc.to_le_bytes()[0] ^ byte)
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use flate2::bufread::MultiGzDecoder;
    use flate2::write::GzEncoder;
    use flate2::{Compression, GzBuilder};
    use proptest::prelude::*;

    use super::*;

    const CAP: usize = 10_000;

    fn ours(packed: &[u8]) -> Result<Vec<u8>, Wrong> {
        let mut plain = Vec::new();
        unpack(packed, &mut plain, CAP).map(|()| plain)
    }

    fn theirs(packed: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        let mut decoder = MultiGzDecoder::new(packed).take(CAP as u64 + 1);
        decoder.read_to_end(&mut plain).map(|_| plain)
    }

    fn packed(bytes: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_head_may_have_more_in_it() {
        let builder = GzBuilder::new()
            .filename("a name")
            .comment("said")
            .extra("more");
        let mut encoder = builder.write(Vec::new(), Compression::fast());
        encoder.write_all(b"content").unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(ours(&packed).unwrap(), b"content");
        for end in 0..packed.len() {
            assert_eq!(ours(&packed[..end]), Err(Wrong::Short), "{end}");
        }
        // With a checksum of the head, which nobody writes.
        let mut head = packed[..HEAD].to_vec();
        head[3] = HAS_CHECKSUM;
        let checksum = crc32(&head).to_le_bytes();
        let bare = self::packed(b"content", 1);
        let whole = |checksum: &[u8]| [&head, checksum, &bare[HEAD..]].concat();
        assert_eq!(ours(&whole(&checksum[..2])).unwrap(), b"content");
        assert_eq!(ours(&whole(b"no")), Err(Wrong::Checksum));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let whole = packed(b"content", 6);
        let changed = |at: usize| {
            let mut changed = whole.clone();
            let at = if at < HEAD {
                at
            } else {
                whole.len() - (at - HEAD)
            };
            changed[at] ^= 0x80;
            ours(&changed).unwrap_err()
        };
        assert_eq!([changed(0), changed(2), changed(3)], [Wrong::Head; 3]);
        assert_eq!(
            [changed(HEAD + 1), changed(HEAD + 8)],
            [Wrong::Length, Wrong::Checksum]
        );
        assert_eq!(ours(&[&whole[..], b"more"].concat()), Err(Wrong::Head));
        let reserved = [&whole[..HEAD], &[0b111], &[0; 8]].concat();
        assert_eq!(ours(&reserved), Err(Wrong::Data));
    }

    #[test]
    fn no_member_refers_to_the_one_before_it() {
        let first = packed(b"bcd", 6);
        // A fixed block: the letter `a`, then a copy of 3 bytes from a distance; one of them is before the member's begin.
        let second = |copy: u8| {
            let data = [0x4b, 0x04, copy, 0x00];
            let tail = [crc32(b"aaaa").to_le_bytes(), 4_u32.to_le_bytes()].concat();
            [&packed(b"", 6)[..HEAD], &data, &tail].concat()
        };
        let (of_one, of_four) = (0x02, 0x62);
        assert_eq!(
            ours(&[&first[..], &second(of_one)].concat()).unwrap(),
            b"bcdaaaa"
        );
        assert_eq!(
            ours(&[&first[..], &second(of_four)].concat()),
            Err(Wrong::Data)
        );
    }

    proptest! {
        #[test]
        fn it_unpacks_what_was_packed(
            parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..40), 1..80_usize, 0..10_u32), 1..4)
        ) {
            let mut whole = Vec::new();
            let mut plain = Vec::new();
            for (bytes, times, level) in parts {
                let bytes = bytes.repeat(times);
                whole.extend(packed(&bytes, level));
                plain.extend(bytes);
            }
            plain.truncate(CAP + 1);
            prop_assert_eq!(ours(&whole).unwrap(), plain);
        }

        #[test]
        fn it_takes_what_flate2_takes(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            level in 0..10_u32,
            place in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            cut in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let mut changed = packed(&bytes, level);
            let place = place.index(changed.len());
            changed[place] = byte;
            if let Some(cut) = cut {
                changed.truncate(cut.index(changed.len()));
            }
            // It does not look at reserved flags and checksums of heads.
            prop_assume!(place != 3);
            prop_assert_eq!(ours(&changed).ok(), theirs(&changed).ok());
        }

        #[test]
        fn the_checksum_is_that_of_gzip(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut crc = flate2::Crc::new();
            crc.update(&bytes);
            prop_assert_eq!(crc32(&bytes), crc.sum());
        }
    }
}
