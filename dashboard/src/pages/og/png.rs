//! A picture of at most 256 colours as PNG (RFC 2083), deflated with what flat areas need: runs, and rows like the row above.

/// Longest match that deflate knows.
const LONGEST: usize = 258;
/// A match shorter than this costs more than its bytes.
const SHORTEST: usize = 4;
/// Base length of each length code from 257 on, and its extra bits (RFC 1951, 3.2.5).
const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// Encodes `pixels`, row by row, each an index into `palette`.
pub(crate) fn encode(pixels: &[u8], width: u32, palette: &[[u8; 3]]) -> Vec<u8> {
    let stride = width as usize;
    let height = pixels.len() / stride;
    let mut raw = Vec::with_capacity(pixels.len() + height);
    for row in pixels.chunks_exact(stride) {
        raw.push(0); // No filter: indexes have no neighbourhood.
        raw.extend_from_slice(row);
    }
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut head = Vec::with_capacity(13);
    head.extend_from_slice(&width.to_be_bytes());
    head.extend_from_slice(&u32::try_from(height).unwrap_or(0).to_be_bytes());
    head.extend_from_slice(&[8, 3, 0, 0, 0]); // Eight bits a pixel, of a palette; deflate, no interlacing.
    chunk(&mut out, *b"IHDR", &head);
    chunk(&mut out, *b"PLTE", palette.as_flattened());
    chunk(&mut out, *b"IDAT", &zlib(&raw, stride + 1));
    chunk(&mut out, *b"IEND", &[]);
    out
}

fn chunk(out: &mut Vec<u8>, kind: [u8; 4], body: &[u8]) {
    out.extend_from_slice(&u32::try_from(body.len()).unwrap_or(0).to_be_bytes());
    let from = out.len();
    out.extend_from_slice(&kind);
    out.extend_from_slice(body);
    let sum = crc(&out[from..]);
    out.extend_from_slice(&sum.to_be_bytes());
}

fn crc(bytes: &[u8]) -> u32 {
    let mut table = [0_u32; 256];
    for (value, slot) in (0_u32..).zip(&mut table) {
        *slot = (0..8).fold(value, |sum, _| {
            sum >> 1 ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 }
        });
    }
    !bytes.iter().fold(!0, |sum: u32, byte| {
        table[usize::from(sum.to_le_bytes()[0] ^ byte)] ^ sum >> 8
    })
}

/// RFC 1950 around one block of fixed codes.
fn zlib(raw: &[u8], stride: usize) -> Vec<u8> {
    let mut bits = Bits {
        out: vec![0x78, 0x01],
        ..Bits::default()
    };
    bits.put(0b011, 3); // The last block, of fixed codes.
    let mut at = 0;
    while at < raw.len() {
        let (run, above) = (same(raw, at, 1), same(raw, at, stride));
        if run.max(above) < SHORTEST {
            bits.symbol(u16::from(raw[at]));
            at += 1;
        } else if run >= above {
            bits.length(run);
            bits.distance(1);
            at += run;
        } else {
            bits.length(above);
            bits.distance(stride);
            at += above;
        }
    }
    bits.symbol(256);
    let mut out = bits.done();
    let (mut a, mut b) = (1_u32, 0_u32);
    // 5552 is the most additions that cannot overflow before the remainder is taken (RFC 1950's own example).
    for part in raw.chunks(5552) {
        for byte in part {
            a += u32::from(*byte);
            b += a;
        }
        a %= 65_521;
        b %= 65_521;
    }
    out.extend_from_slice(&(b << 16 | a).to_be_bytes());
    out
}

/// How many bytes from `at` on equal those `back` bytes before them.
fn same(raw: &[u8], at: usize, back: usize) -> usize {
    let Some(from) = at.checked_sub(back) else {
        return 0;
    };
    raw[at..]
        .iter()
        .zip(&raw[from..])
        .take(LONGEST)
        .take_while(|(here, there)| here == there)
        .count()
}

/// Bits, least significant first.
#[derive(Default)]
struct Bits {
    out: Vec<u8>,
    held: u64,
    count: u32,
}

impl Bits {
    fn put(&mut self, bits: u64, count: u32) {
        self.held |= bits << self.count;
        self.count += count;
        while self.count >= 8 {
            self.out.push(self.held.to_le_bytes()[0]);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    /// A code, which is written most significant bit first.
    fn code(&mut self, code: u16, count: u32) {
        self.put(u64::from(code.reverse_bits() >> (16 - count)), count);
    }

    /// A literal, a length or the end, by the fixed codes of RFC 1951, 3.2.6.
    fn symbol(&mut self, symbol: u16) {
        match symbol {
            0..144 => self.code(0x30 + symbol, 8),
            144..256 => self.code(0x190 + symbol - 144, 9),
            256..280 => self.code(symbol - 256, 7),
            _ => self.code(0xc0 + symbol - 280, 8),
        }
    }

    fn length(&mut self, length: usize) {
        let length = u16::try_from(length).unwrap_or(258);
        let place = LENGTHS.iter().rposition(|(base, _)| *base <= length);
        let place = place.unwrap_or(0);
        let (base, extra) = LENGTHS[place];
        self.symbol(257 + u16::try_from(place).unwrap_or(0));
        self.put(u64::from(length - base), u32::from(extra));
    }

    fn distance(&mut self, distance: usize) {
        let below = u64::try_from(distance - 1).unwrap_or(0);
        if below < 4 {
            self.code(u16::try_from(below).unwrap_or(0), 5);
            return;
        }
        // Two codes for each power of two; the rest of the bits follows.
        let extra = below.ilog2() - 1;
        let code = u64::from(2 * extra + 2) + (below >> extra & 1);
        self.code(u16::try_from(code).unwrap_or(0), 5);
        self.put(below & ((1 << extra) - 1), extra);
    }

    fn done(mut self) -> Vec<u8> {
        self.put(0, 7);
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_standards() {
        assert_eq!(crc(b"123456789"), 0xcbf4_3926);
        let stored = zlib(b"Wikipedia", 1);
        assert_eq!(stored[stored.len() - 4..], 0x11e6_0398_u32.to_be_bytes());
    }

    #[test]
    fn flat_areas_cost_next_to_nothing() {
        let pixels = vec![3; 1200 * 630];
        assert!(encode(&pixels, 1200, &[[0; 3]; 4]).len() < 8 * 1024);
    }
}
