//! Every limit of masking, with its arithmetic.

/// Bytes of masked parameters as compact JSON: 24 KiB. With a result of the same size and the 16 KiB that are left for
/// the rest, a trace stays below [`aap::limits::MAX_TRACE_BYTES`].
pub const MAX_PARAMS_BYTES: usize = 24 * 1024;
/// Bytes of a masked result as compact JSON: 24 KiB.
pub const MAX_RESULT_BYTES: usize = 24 * 1024;
/// Bytes of one string at [`Level::Preview`](crate::Level::Preview), escapes counted: 4 KiB.
pub const MAX_PREVIEW_STRING_BYTES: usize = 4 * 1024;
/// Bytes of one string at [`Level::Full`](crate::Level::Full), escapes counted: 16 KiB, so that one long string leaves
/// a third of the room to its neighbours.
pub const MAX_FULL_STRING_BYTES: usize = 16 * 1024;
/// Bytes of a result's preview, cut mark included.
pub const MAX_RESULT_PREVIEW_BYTES: usize = 256;
/// Bytes of a text that is masked alone, such as a reason or an error: 4 KiB.
pub const MAX_TEXT_BYTES: usize = 4 * 1024;
/// Bytes of one object key.
pub const MAX_KEY_BYTES: usize = 256;
/// Bytes of one key where only shapes are shown.
pub const MAX_SHAPE_KEY_BYTES: usize = 64;
/// Keys and items that a shape names: 200 × (64 key + 24 value + 4 punctuation) < 24 KiB.
pub const MAX_SHAPE_NODES: usize = 200;
/// Levels of nesting that a shape shows; below it says how many keys there are.
pub const MAX_SHAPE_DEPTH: usize = 4;
/// Levels of nesting that content may have: a trace wraps it in up to eight of its own.
pub const MAX_CONTENT_DEPTH: usize = aap::limits::MAX_DEPTH - 8;
/// Bytes behind a cut that are still scanned, so that a secret across the cut is seen whole: 4 KiB, the size of an
/// RSA-4096 key in PEM and more than any token.
pub const LOOKAHEAD_BYTES: usize = 4 * 1024;
/// Characters of a name in `name=value` that are looked at.
pub const MAX_NAME_BYTES: usize = 96;
/// Base64 runs shorter than this hold no secret that is worth decoding: 23 characters are 17 bytes, the shortest user id
/// that a Discord token begins with.
pub const MIN_BASE64_RUN: usize = 23;
/// Digits of a text in hexadecimal; fewer stand for less than 16 bytes.
pub const MIN_HEX_RUN: usize = 32;
/// How many encodings may be wrapped around each other: base64 in a URL in JSON within JSON.
pub const MAX_ENCODINGS: usize = 3;
/// How many times its own size is decoded of a text, all encodings together, before the rest is withheld unread.
pub const DECODED_TIMES: usize = 16;
/// Bytes that are decoded of any text, however short: 64 KiB.
pub const DECODED_AT_LEAST_BYTES: usize = 64 * 1024;
/// Bytes of all strings of one value that are looked at: 1 MiB. Parameters and results that are published have at most
/// 24 KiB, so only masks that make long strings short let more than that be read.
pub const MAX_READ_BYTES: usize = 1024 * 1024;
/// Items of an array that is read as a command line.
pub const MAX_ARGV_ITEMS: usize = 128;
/// Bytes of such an array: 16 KiB.
pub const MAX_ARGV_BYTES: usize = 16 * 1024;
/// How often a text is masked until nothing more is found; after that it is withheld whole.
pub const MAX_ROUNDS: usize = 6;
/// Integers beyond ±2^53 become strings: RFC 8785 numbers are IEEE 754 doubles.
pub const MAX_SAFE_INTEGER: u64 = 1 << 53;
