//! Pictures as their bytes tell of them: their kind and their size, after the formats' own descriptions. They are not drawn.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Pixels for which a model reads a token, as Anthropic counts them: width × height / 750.
const PIXELS_PER_TOKEN: u64 = 750;
/// The long side, in pixels, that a larger picture is made small to before it is counted.
const LONGEST_SIDE: u64 = 1568;
/// Tokens of the dearest picture, about: what is larger is made small.
const MOST_TOKENS: usize = 1600;
/// Bytes of base64 in which a picture's size is looked for: in a JPEG it stands behind what a camera tells, of at most 64 KiB a piece.
const HEAD_BYTES: usize = 256 * 1024;

/// A picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Picture {
    /// `image/png` and the like.
    pub(super) media_type: &'static str,
    /// In pixels; not 0.
    width: u32,
    height: u32,
}

impl Picture {
    /// The picture that `bytes` begin with. None if they are none of the four kinds, or end before their size.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let (media_type, (width, height)) = match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => ("image/png", png(bytes)?),
            [0xff, 0xd8, 0xff, ..] => ("image/jpeg", jpeg(bytes)?),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => ("image/gif", gif(bytes)?),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => ("image/webp", webp(bytes)?),
            _ => return None,
        };
        (width > 0 && height > 0).then_some(Self {
            media_type,
            width,
            height,
        })
    }

    /// About how many tokens a model reads for it.
    fn tokens(self) -> usize {
        let (mut width, mut height) = (u64::from(self.width), u64::from(self.height));
        let longest = width.max(height);
        if longest > LONGEST_SIDE {
            width = width * LONGEST_SIDE / longest;
            height = height * LONGEST_SIDE / longest;
        }
        let tokens = (width * height).div_ceil(PIXELS_PER_TOKEN);
        usize::try_from(tokens).map_or(MOST_TOKENS, |tokens| tokens.clamp(1, MOST_TOKENS))
    }
}

/// About how many tokens a model reads for a picture in base64: Anthropic's estimate, which is of the size of others'. One whose size is
/// not found counts as the dearest.
pub(crate) fn tokens(data: &str) -> usize {
    let head = &data.as_bytes()[..data.len().min(HEAD_BYTES) / 4 * 4];
    let head = BASE64_STANDARD.decode(head).unwrap_or_default();
    Picture::of(&head).map_or(MOST_TOKENS, Picture::tokens)
}

fn at<const N: usize>(bytes: &[u8], from: usize) -> Option<[u8; N]> {
    bytes.get(from..from.checked_add(N)?)?.try_into().ok()
}

/// `IHDR` is the first chunk (PNG, 5.6).
fn png(bytes: &[u8]) -> Option<(u32, u32)> {
    let number = |from| at(bytes, from).map(u32::from_be_bytes);
    (at(bytes, 12)? == *b"IHDR").then_some((number(16)?, number(20)?))
}

/// The logical screen (`GIF89a`, 18).
fn gif(bytes: &[u8]) -> Option<(u32, u32)> {
    let number = |from| Some(u32::from(u16::from_le_bytes(at(bytes, from)?)));
    Some((number(6)?, number(8)?))
}

/// One of three first chunks (RFC 9649, 2.5 to 2.7).
fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    let short = |from| Some(u32::from(u16::from_le_bytes(at(bytes, from)?) & 0x3fff));
    match &at(bytes, 12)? {
        b"VP8 " if at(bytes, 23)? == [0x9d, 0x01, 0x2a] => Some((short(26)?, short(28)?)),
        b"VP8L" if at(bytes, 20)? == [0x2f] => {
            let bits = u32::from_le_bytes(at(bytes, 21)?);
            Some(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1))
        }
        b"VP8X" => {
            let less_one = |from| {
                let [low, middle, high] = at(bytes, from)?;
                Some(u32::from_le_bytes([low, middle, high, 0]) + 1)
            };
            Some((less_one(24)?, less_one(27)?))
        }
        _ => None,
    }
}

/// The first frame's header, behind any other segments (ITU-T T.81, B.2).
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut from = 2;
    loop {
        let [0xff, marker] = at(bytes, from)? else {
            return None;
        };
        match marker {
            // It may be filled up.
            0xff => from += 1,
            // Segments that are a marker alone.
            0x01 | 0xd0..=0xd8 => from += 2,
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let number = |from| Some(u32::from(u16::from_be_bytes(at(bytes, from)?)));
                return Some((number(from + 7)?, number(from + 5)?));
            }
            // The picture itself, or its end, before it was said how large it is.
            0xd9 | 0xda => return None,
            _ => from += 2 + usize::from(u16::from_be_bytes(at(bytes, from + 2)?)),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The heads of pictures of 2 × 3 pixels.
    pub(in crate::attach) const PNG: &[u8] =
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x03\x08\x02\0\0\0";
    pub(in crate::attach) const JPEG: &[u8] =
        b"\xff\xd8\xff\xe0\0\x04JF\xff\xff\xc0\0\x11\x08\0\x03\0\x02\x03\x01\x22\0";
    pub(in crate::attach) const GIF: &[u8] = b"GIF89a\x02\0\x03\0\0\0\0";
    pub(in crate::attach) const WEBP: &[u8] =
        b"RIFF\x1a\0\0\0WEBPVP8 \x0e\0\0\0\x30\x01\0\x9d\x01\x2a\x02\0\x03\0";

    #[test]
    fn kind_and_size_are_read() {
        let lossless = b"RIFF\x1a\0\0\0WEBPVP8L\x0e\0\0\0\x2f\x01\x80\0\0";
        let extended = b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x01\0\0\x02\0\0";
        for (bytes, media_type) in [
            (PNG, "image/png"),
            (JPEG, "image/jpeg"),
            (GIF, "image/gif"),
            (WEBP, "image/webp"),
            (lossless, "image/webp"),
            (extended, "image/webp"),
        ] {
            let picture = Picture {
                media_type,
                width: 2,
                height: 3,
            };
            assert_eq!(Picture::of(bytes), Some(picture));
            for end in 0..bytes.len().min(18) {
                assert_eq!(
                    Picture::of(&bytes[..end.min(8)]),
                    None,
                    "{media_type} {end}"
                );
            }
        }
        assert_eq!(Picture::of(b"GIF89a\0\0\x03\0"), None, "nothing to see");
        assert_eq!(Picture::of(b"\xff\xd8\xff\xda"), None);
    }

    #[test]
    fn tokens_go_by_pixels_and_have_an_end() {
        let of = |width, height| {
            let media_type = "image/png";
            let picture = Picture {
                media_type,
                width,
                height,
            };
            picture.tokens()
        };
        assert_eq!(of(1, 1), 1);
        assert_eq!(of(1000, 1000), 1334);
        assert_eq!(of(8000, 8000), MOST_TOKENS);
        assert_eq!(of(u32::MAX, 1), 1);
        assert_eq!(of(15_680, 1000), 1568 * 100 / 750 + 1);
        assert_eq!(tokens(&BASE64_STANDARD.encode(GIF)), 1);
        assert_eq!(tokens("rubbish"), MOST_TOKENS);
    }

    proptest! {
        #[test]
        fn any_bytes_are_looked_at(head in prop::sample::select(vec![PNG, JPEG, GIF, WEBP]), cut in 0usize..40, rest in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = head[..cut.min(head.len())].to_vec();
            bytes.extend(rest);
            if let Some(picture) = Picture::of(&bytes) {
                prop_assert!((1..=MOST_TOKENS).contains(&picture.tokens()));
            }
        }
    }
}
