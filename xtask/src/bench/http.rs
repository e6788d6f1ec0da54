//! A client that asks and reads, and does nothing else meanwhile.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// One connection that stays open.
pub(super) struct Client {
    stream: TcpStream,
    answers: BufReader<TcpStream>,
    address: SocketAddr,
}

impl Client {
    pub(super) fn connect(address: SocketAddr) -> Result<Self> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("no edge at {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self {
            answers: BufReader::new(stream.try_clone()?),
            stream,
            address,
        })
    }

    /// A text.
    pub(super) fn get(&mut self, path: &str) -> Result<String> {
        String::from_utf8(self.read(path)?).context("the answer is not UTF-8")
    }

    /// Whatever it is, with the status 200.
    pub(super) fn read(&mut self, path: &str) -> Result<Vec<u8>> {
        write!(
            self.stream,
            "GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n",
            self.address
        )?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        ensure!(
            line.starts_with("HTTP/1.1 200"),
            "GET {path} is answered {line}"
        );
        let (mut length, mut chunked) = (0, false);
        loop {
            line.clear();
            self.answers.read_line(&mut line)?;
            let header = line.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            chunked |= header == "transfer-encoding: chunked";
        }
        let mut body = Vec::new();
        loop {
            if chunked {
                line.clear();
                self.answers.read_line(&mut line)?;
                length = usize::from_str_radix(line.trim(), 16).context("the length of a chunk")?;
            }
            let start = body.len();
            body.resize(start + length, 0);
            self.answers.read_exact(&mut body[start..])?;
            if !chunked {
                break;
            }
            // The end of the chunk's line.
            self.answers.read_line(&mut line)?;
            if length == 0 {
                break;
            }
        }
        Ok(body)
    }
}

/// One answer.
pub(super) fn get(address: SocketAddr, path: &str) -> Result<String> {
    Client::connect(address)?.get(path)
}
