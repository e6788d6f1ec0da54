//! What of a client's frames is let through: none that is larger than it may be.
//!
//! A frame says in its first bytes how long it is. So one that is too long is told by its header, before anything of its payload
//! is read, kept or given room to. What follows of it is thrown away as it arrives, and of later frames those that carry data,
//! too: the connection is to be closed, and only the other side's goodbye still counts.
//!
//! **Out of scope.** What frames mean, whether their masks, reserved bits and order are right: tungstenite has that. No socket
//! either: [`super::measured`] has it.

/// Bytes of the longest header: two, eight of length, four of mask (RFC 6455, section 5.2).
const MAX_HEADER_BYTES: usize = 14;
/// The bit of a header's first byte that says that a message ends with this frame.
const FIN: u8 = 0x80;
/// The bits of its first byte that name its kind; from 8 on it is control: close, ping, pong.
const OPCODE: u8 = 0x0f;
const FIRST_CONTROL: u8 = 0x8;
/// The bit of its second byte that says that a mask follows.
const MASKED: u8 = 0x80;

/// Where in a frame the bytes are that come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In its header; so many bytes of it are known.
    Header(usize),
    /// In its payload; so many bytes are still to come.
    Payload { left: u64, passes: bool },
}

/// Tells frames apart in a stream of bytes, however it is cut, and leaves out what is too large.
#[derive(Debug)]
pub(crate) struct Sieve {
    at: At,
    header: [u8; MAX_HEADER_BYTES],
    /// Bytes of the message whose frames have come so far.
    message: u64,
    /// Something was too large.
    over: bool,
}

impl Default for Sieve {
    fn default() -> Self {
        Self {
            at: At::Header(0),
            header: [0; MAX_HEADER_BYTES],
            message: 0,
            over: false,
        }
    }
}

impl Sieve {
    /// Appends to `passed` what of `came` passes, where a message has at most `limit` bytes. From the first larger one on no data
    /// passes any more.
    pub(crate) fn sift(&mut self, mut came: &[u8], limit: usize, passed: &mut Vec<u8>) {
        while let Some((first, rest)) = came.split_first() {
            match self.at {
                At::Header(known) => {
                    self.header[known] = *first;
                    came = rest;
                    self.at = At::Header(known + 1);
                    if known + 1 == self.header_bytes(known + 1) {
                        self.begin(known + 1, limit, passed);
                    }
                }
                At::Payload { left, passes } => {
                    let here =
                        usize::try_from(left).map_or(came.len(), |left| left.min(came.len()));
                    let (payload, rest) = came.split_at(here);
                    if passes {
                        passed.extend_from_slice(payload);
                    }
                    came = rest;
                    self.go_on(left - payload.len() as u64, passes);
                }
            }
        }
    }

    /// Whether something was too large.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// How long the header is, as far as the first `known` bytes tell.
    fn header_bytes(&self, known: usize) -> usize {
        if known < 2 {
            return 2;
        }
        let length = match self.header[1] & !MASKED {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + length + if self.header[1] & MASKED == 0 { 0 } else { 4 }
    }

    fn payload_bytes(&self) -> u64 {
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        };
        match self.header[1] & !MASKED {
            126 => number(&self.header[2..4]),
            127 => number(&self.header[2..10]),
            short => short.into(),
        }
    }

    /// The header is known: does its frame pass?
    fn begin(&mut self, header_bytes: usize, limit: usize, passed: &mut Vec<u8>) {
        let length = self.payload_bytes();
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let passes = if self.header[0] & OPCODE >= FIRST_CONTROL {
            // No control frame is longer than 125 bytes; tungstenite refuses one that says so.
            length <= limit
        } else {
            self.message = self.message.saturating_add(length);
            self.over |= self.message > limit;
            if self.header[0] & FIN != 0 {
                self.message = 0;
            }
            !self.over
        };
        self.over |= !passes;
        if passes {
            passed.extend_from_slice(&self.header[..header_bytes]);
        }
        self.go_on(length, passes);
    }

    fn go_on(&mut self, left: u64, passes: bool) {
        self.at = match left {
            0 => At::Header(0),
            left => At::Payload { left, passes },
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A frame as a client writes it.
    fn frame(first: u8, payload: usize) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload {
            0..126 => bytes.push(MASKED | u8::try_from(payload).unwrap()),
            126..65536 => {
                bytes.push(MASKED | 0x7e);
                bytes.extend(u16::try_from(payload).unwrap().to_be_bytes());
            }
            _ => {
                bytes.push(MASKED | 127);
                bytes.extend((payload as u64).to_be_bytes());
            }
        }
        bytes.extend([1, 2, 3, 4]);
        bytes.resize(bytes.len() + payload, b'x');
        bytes
    }

    fn sifted(sieve: &mut Sieve, bytes: &[u8], limit: usize) -> Vec<u8> {
        let mut passed = Vec::new();
        sieve.sift(bytes, limit, &mut passed);
        passed
    }

    const TEXT: u8 = FIN | 1;
    const CLOSE: u8 = FIN | 8;

    #[test]
    fn a_frame_passes_up_to_its_limit_and_not_beyond() {
        for limit in [0, 5, 125, 126, 65_535, 65_536] {
            let mut sieve = Sieve::default();
            let just = frame(TEXT, limit);
            assert_eq!(sifted(&mut sieve, &just, limit), just);
            assert!(!sieve.is_over());
            let more = frame(TEXT, limit + 1);
            assert_eq!(sifted(&mut sieve, &more, limit), b"");
            assert!(sieve.is_over());
            // What follows is found again: the goodbye passes, data does not.
            let close = frame(CLOSE, 2.min(limit));
            let rest = [frame(TEXT, 1), close.clone()].concat();
            assert_eq!(sifted(&mut sieve, &rest, limit), close);
        }
    }

    #[test]
    fn a_header_alone_tells() {
        let mut sieve = Sieve::default();
        let whole = frame(TEXT, 65_537);
        assert_eq!(sifted(&mut sieve, &whole[..9], 65_536), b"");
        assert!(!sieve.is_over(), "one byte of its mask is missing");
        sifted(&mut sieve, &whole[9..14], 65_536);
        assert!(sieve.is_over());
    }

    #[test]
    fn lengths_that_no_memory_has_do_not_wrap_around() {
        let mut sieve = Sieve::default();
        let huge = [&[TEXT, MASKED | 127][..], &[0xff; 8], &[0; 4]].concat();
        assert_eq!(sifted(&mut sieve, &huge, usize::MAX - 1), b"");
        assert!(sieve.is_over());
        let mut sieve = Sieve::default();
        let begun = frame(1, 10);
        assert_eq!(sifted(&mut sieve, &begun, 100), begun);
        let huge = [&[0, MASKED | 127][..], &[0xff; 8], &[0; 4]].concat();
        assert_eq!(sifted(&mut sieve, &huge, 100), b"");
        assert!(sieve.is_over(), "the message's frames are counted together");
    }

    proptest! {
        /// However the bytes are cut, what passes are the frames before the first message that is too long, and control frames.
        #[test]
        fn the_sieve_knows_frames_from_one_another(
            frames in prop::collection::vec((any::<bool>(), 0u8..3, 0usize..300), 0..12),
            cuts in prop::collection::vec(1usize..40, 1..40),
            limit in 0usize..400,
        ) {
            let mut sieve = Sieve::default();
            let (mut bytes, mut wanted) = (Vec::new(), Vec::new());
            let (mut message, mut over) = (0, false);
            for (fin, kind, length) in frames {
                let control = kind == 2;
                let first = if control { FIN | 9 } else { u8::from(fin) << 7 | kind };
                let length = if control { length.min(125) } else { length };
                let frame = frame(first, length);
                let passes = if control {
                    length <= limit
                } else {
                    message += length;
                    over |= message > limit;
                    if fin {
                        message = 0;
                    }
                    !over
                };
                over |= !passes;
                if passes {
                    wanted.extend_from_slice(&frame);
                }
                bytes.extend(frame);
            }
            let mut passed = Vec::new();
            let (mut rest, mut cuts) = (&bytes[..], cuts.into_iter().cycle());
            while !rest.is_empty() {
                let (piece, more) = rest.split_at(cuts.next().unwrap().min(rest.len()));
                sieve.sift(piece, limit, &mut passed);
                rest = more;
            }
            prop_assert_eq!(passed, wanted);
            prop_assert_eq!(sieve.is_over(), over);
        }

        /// Whatever comes, no more passes than came, and nothing panics.
        #[test]
        fn rubbish_is_no_trouble(bytes in prop::collection::vec(any::<u8>(), 0..600), limit in 0usize..1000) {
            let passed = sifted(&mut Sieve::default(), &bytes, limit);
            prop_assert!(passed.len() <= bytes.len());
        }
    }
}
