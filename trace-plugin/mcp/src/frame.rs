//! Frames over stdio: JSON a line, of bounded length.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A whole line, with its end.
    Line(Vec<u8>),
    /// A piece of a line that is too long to be read as a whole; the last one ends with the line's end, or the stream's.
    Piece(Vec<u8>),
}

/// Reads lines of at most `limit` bytes.
pub(crate) struct Frames<R> {
    from: R,
    limit: usize,
    /// Within a line that is too long.
    long: bool,
}

impl<R: AsyncBufRead + Unpin> Frames<R> {
    pub(crate) fn new(from: R, limit: usize) -> Self {
        Self {
            from,
            limit,
            long: false,
        }
    }

    /// The next frame; none at the stream's end. Loses nothing when it is not waited for to the end only if it is not called again.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Frame>> {
        let mut line = Vec::new();
        loop {
            let read = self.from.fill_buf().await?;
            if read.is_empty() {
                let long = std::mem::take(&mut self.long);
                return Ok(match line.is_empty() {
                    true => None,
                    false if long => Some(Frame::Piece(line)),
                    false => Some(Frame::Line(line)),
                });
            }
            let end = read.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(read.len(), |end| end + 1);
            line.extend_from_slice(&read[..taken]);
            self.from.consume(taken);
            match (end, self.long) {
                (Some(_), true) => {
                    self.long = false;
                    return Ok(Some(Frame::Piece(line)));
                }
                (Some(_), false) if line.len() <= self.limit => return Ok(Some(Frame::Line(line))),
                // A line that turns out too long with its last bytes is one piece.
                (Some(_), false) | (None, true) => return Ok(Some(Frame::Piece(line))),
                (None, false) if line.len() > self.limit => {
                    self.long = true;
                    return Ok(Some(Frame::Piece(line)));
                }
                (None, false) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(text: &[u8], limit: usize) -> Vec<Frame> {
        // A small buffer: lines come in pieces, as they do from a pipe.
        let mut frames = Frames::new(tokio::io::BufReader::with_capacity(4, text), limit);
        let mut all = Vec::new();
        while let Some(frame) = frames.next().await.unwrap() {
            all.push(frame);
        }
        all
    }

    #[tokio::test]
    async fn lines_come_whole_and_long_ones_in_pieces() {
        let line = |text: &str| Frame::Line(text.as_bytes().to_vec());
        assert_eq!(
            all(b"abcdefg\n\nlast", 8).await,
            [line("abcdefg\n"), line("\n"), line("last")]
        );
        let frames = all(b"ok\n0123456789abcdef\nok\n", 8).await;
        assert_eq!(frames.first(), Some(&line("ok\n")));
        assert_eq!(frames.last(), Some(&line("ok\n")));
        let pieces: Vec<u8> = frames[1..frames.len() - 1]
            .iter()
            .flat_map(|frame| match frame {
                Frame::Piece(piece) => piece.clone(),
                Frame::Line(line) => panic!("{line:?}"),
            })
            .collect();
        assert_eq!(pieces, b"0123456789abcdef\n");
    }
}
