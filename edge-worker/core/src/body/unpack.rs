//! Unpacking a body: gzip and zstd, never to more than the body's cap, in memory that is bounded before a byte is unpacked.

use std::io::Read;

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use crate::Problem;

/// The window that a zstd body may ask its reader to keep: what HTTP allows at most (RFC 9659). A reader has to have it in
/// memory at once, however little the body unpacks to.
pub(super) const MAX_ZSTD_WINDOW: u64 = 8 * 1024 * 1024;
/// Frames that one zstd body may consist of. Clients send one; thousands of empty ones would only cost time.
pub(super) const MAX_ZSTD_FRAMES: usize = 64;

/// Bytes of a zstd frame's magic number, behind which its descriptor stands.
const ZSTD_MAGIC_BYTES: usize = 4;
/// The descriptor's flag of a frame whose window is its whole content.
const SINGLE_SEGMENT: u8 = 1 << 5;

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    /// What `Content-Encoding` says; one encoding only.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut told = headers.get_all(header::CONTENT_ENCODING).iter();
        let word = match (told.next(), told.next()) {
            (None, _) => return Ok(Self::Identity),
            (Some(value), None) => value.to_str().unwrap_or_default(),
            (Some(_), Some(_)) => "",
        };
        match word.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            "identity" => Ok(Self::Identity),
            _ => Err(Problem::WrongType(
                "Content-Encoding: gzip, zstd and identity are accepted, one of them".to_owned(),
            )),
        }
    }

    /// Unpacks, and stops one byte over the cap: a bomb costs no more memory than a full batch.
    pub(super) fn unpack(self, packed: Bytes, cap: usize) -> Result<Bytes, Problem> {
        let unpack = match self {
            Self::Identity => return Ok(packed),
            Self::Gzip => gzip,
            Self::Zstd => zstd,
        };
        // JSON of traces packs about 8 to 1; a first guess that saves most of the growing.
        let mut plain = Vec::with_capacity(packed.len().saturating_mul(8).min(cap));
        unpack(&packed, &mut plain, cap)?;
        if plain.len() > cap {
            return Err(Problem::TooLarge(cap));
        }
        Ok(plain.into())
    }
}

/// Appends what `from` yields, up to one byte over the cap.
fn fill(from: impl Read, plain: &mut Vec<u8>, cap: usize) -> std::io::Result<usize> {
    let room = (cap + 1).saturating_sub(plain.len());
    from.take(room as u64).read_to_end(plain)
}

fn gzip(packed: &[u8], plain: &mut Vec<u8>, cap: usize) -> Result<(), Problem> {
    let wrong = |error| Problem::BadBody(format!("the body is not valid gzip: {error}"));
    fill(MultiGzDecoder::new(packed), plain, cap).map_err(wrong)?;
    Ok(())
}

fn zstd(mut packed: &[u8], plain: &mut Vec<u8>, cap: usize) -> Result<(), Problem> {
    let wrong = |said: String| Problem::BadBody(format!("the body is not valid zstd: {said}"));
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(MAX_ZSTD_WINDOW);
    for _ in 0..MAX_ZSTD_FRAMES {
        let descriptor = packed.get(ZSTD_MAGIC_BYTES).copied().unwrap_or_default();
        match StreamingDecoder::new_with_decoder(&mut packed, &mut decoder) {
            Ok(frame) => {
                fill(frame, plain, cap).map_err(|error| wrong(error.to_string()))?;
                if plain.len() > cap {
                    return Ok(());
                }
                let (told, real) = (
                    decoder.get_checksum_from_data(),
                    decoder.get_calculated_checksum(),
                );
                if told.is_some() && told != real {
                    return Err(wrong("its checksum does not fit".to_owned()));
                }
            }
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let rest = usize::try_from(length)
                    .ok()
                    .and_then(|length| packed.get(length..));
                packed =
                    rest.ok_or_else(|| wrong("it breaks off in a frame to skip".to_owned()))?;
            }
            Err(FrameDecoderError::WindowSizeTooBig { .. }) if descriptor & SINGLE_SEGMENT != 0 => {
                return Err(Problem::TooLarge(cap));
            }
            Err(FrameDecoderError::WindowSizeTooBig { requested, .. }) => {
                return Err(Problem::BadBody(format!(
                    "the zstd body asks for a window of {requested} bytes; at most {MAX_ZSTD_WINDOW} are kept"
                )));
            }
            Err(error) => return Err(wrong(error.to_string())),
        }
        if packed.is_empty() {
            return Ok(());
        }
    }
    Err(wrong(format!("it has more than {MAX_ZSTD_FRAMES} frames")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAP: usize = 1000;

    fn unpacked(packed: Vec<u8>) -> Result<Bytes, Problem> {
        Encoding::Zstd.unpack(packed.into(), CAP)
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).unwrap()
    }

    #[test]
    fn what_fits_the_cap_comes_out_and_a_byte_more_does_not() {
        let fits = vec![b'x'; CAP];
        assert_eq!(unpacked(packed(&fits)).unwrap(), fits);
        for size in [CAP + 1, 100 * CAP, 64 * 1024 * 1024] {
            let error = unpacked(packed(&vec![b'x'; size])).unwrap_err();
            assert!(matches!(error, Problem::TooLarge(CAP)), "{size}: {error}");
        }
    }

    #[test]
    fn the_cap_is_for_all_frames_together() {
        let half = packed(&vec![b'x'; CAP / 2]);
        assert_eq!(unpacked(half.repeat(2)).unwrap().len(), CAP);
        let error = unpacked(half.repeat(3)).unwrap_err();
        assert!(matches!(error, Problem::TooLarge(CAP)), "{error}");
    }

    #[test]
    fn frames_are_counted() {
        let empty = packed(b"");
        assert!(unpacked(empty.repeat(MAX_ZSTD_FRAMES)).unwrap().is_empty());
        let error = unpacked(empty.repeat(MAX_ZSTD_FRAMES + 1)).unwrap_err();
        assert!(error.to_string().contains("more than 64 frames"), "{error}");
    }

    /// A frame of one byte that asks for a window of 2^`log` bytes.
    fn with_window(log: u8) -> Vec<u8> {
        let magic = [0x28, 0xb5, 0x2f, 0xfd];
        let last_raw_block_of_one = [0b0000_1001, 0, 0, b'x'];
        [&magic[..], &[0, (log - 10) << 3], &last_raw_block_of_one].concat()
    }

    #[test]
    fn a_window_is_bounded_before_it_is_made() {
        assert_eq!(unpacked(with_window(23)).unwrap(), "x");
        let error = unpacked(with_window(24)).unwrap_err();
        let said = "asks for a window of 16777216 bytes; at most 8388608 are kept";
        assert!(error.to_string().contains(said), "{error}");
        let error = unpacked(with_window(41)).unwrap_err();
        assert!(error.to_string().contains("window"), "{error}");
    }

    #[test]
    fn a_frame_to_skip_that_breaks_off_is_told() {
        let skip = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
        assert!(unpacked([&skip[..], &packed(b"x")].concat()).is_ok());
        let error = unpacked(skip[..10].to_vec()).unwrap_err();
        assert!(error.to_string().contains("breaks off"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = unpacked(bytes.clone());
            let mut framed = with_window(10);
            framed.truncate(6);
            framed.extend(bytes);
            let _ = unpacked(framed);
        }

        #[test]
        fn a_changed_byte_never_makes_it_panic(place in 0..200_usize, byte in proptest::num::u8::ANY) {
            let mut changed = packed(&(0..=255).cycle().take(900).collect::<Vec<u8>>());
            let place = place % changed.len();
            changed[place] = byte;
            let _ = unpacked(changed);
        }
    }
}
