//! Answers that a provider streams: how long a word takes through the gateway, and what a thousand at once take of it.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use model_upstream::{Answer, Gate, Upstream, Wire};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::print;
use crate::process::Gateway;

/// Answers of which the first word is timed, straight and through the gateway in turn.
const WORDS: usize = 300;
/// Answers that stream at the same time.
const AT_ONCE: usize = 1000;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// Time for an answer's head to pass before its first word is let go.
const HEAD: Duration = Duration::from_millis(5);
/// A first word that nothing else says.
const FIRST: &str = "first-word";

/// A provider that says the first word of its n-th answer when the n-th gate is opened.
struct Provider {
    upstream: Upstream,
    asked: Arc<AtomicUsize>,
    gates: Arc<Mutex<Vec<Gate>>>,
}

impl Provider {
    /// With `before`, that is said ahead of the gate.
    async fn start(before: Option<&'static str>) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let gates = Arc::new(Mutex::new(Vec::new()));
        let (count, kept) = (Arc::clone(&asked), Arc::clone(&gates));
        let upstream = Upstream::start(Wire::OpenAi, move |_| {
            let gate = Gate::new();
            let answer = before.map_or_else(Answer::new, Answer::text);
            let answer = answer.hold(&gate).say(FIRST).say(" and another.");
            kept.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(gate);
            count.fetch_add(1, Ordering::SeqCst);
            answer
        });
        Self {
            upstream: upstream.await.expect("a provider"),
            asked,
            gates,
        }
    }

    async fn asked(&self, number: usize) {
        let began = Instant::now();
        while self.asked.load(Ordering::SeqCst) < number {
            assert!(began.elapsed() < PATIENCE, "the provider was not asked");
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }

    fn open(&self) {
        let gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.iter().for_each(Gate::open);
    }
}

/// A streamed answer that is being read.
struct Stream {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Stream {
    /// Asks `url` (up to `/v1`) for a streamed answer.
    async fn ask(url: &str, token: &str) -> Self {
        let (address, path) = url
            .strip_prefix("http://")
            .and_then(|url| url.split_once('/'))
            .expect("a URL");
        let body = json!({"model": "told-1", "stream": true, "messages": [{"role": "user", "content": "Say it."}]});
        let body = body.to_string();
        let asked = format!(
            "POST /{path}/chat/completions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        stream
            .write_all(asked.as_bytes())
            .await
            .expect("it takes requests");
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// Reads until `word` has come.
    async fn until(&mut self, word: &str) {
        let reading = async {
            while !self
                .read
                .windows(word.len())
                .any(|bytes| bytes == word.as_bytes())
            {
                let read = self
                    .stream
                    .read_buf(&mut self.read)
                    .await
                    .expect("an answer");
                assert!(read > 0, "{}", String::from_utf8_lossy(&self.read));
            }
        };
        tokio::time::timeout(PATIENCE, reading)
            .await
            .expect("it comes in time");
    }
}

/// From letting the first word go to having it, in milliseconds: straight from the provider, and through the gateway.
pub(crate) async fn first_words(program: &Path) {
    let provider = Provider::start(None).await;
    let home = tempfile::tempdir().expect("a home");
    let url = provider.upstream.url();
    let gateway = Gateway::start(program, home.path(), Some(&url));
    let ours = format!("http://{}/v1", gateway.address);
    let (mut straight, mut through) = (Vec::new(), Vec::new());
    for n in 0..2 * WORDS {
        let url = if n % 2 == 0 { &url } else { &ours };
        let mut stream = Stream::ask(url, &gateway.token).await;
        provider.asked(n + 1).await;
        tokio::time::sleep(HEAD).await;
        let began = Instant::now();
        provider.open();
        stream.until(FIRST).await;
        let took = began.elapsed().as_secs_f64() * 1e3;
        if n % 2 == 0 {
            &mut straight
        } else {
            &mut through
        }
        .push(took);
        stream.until("[DONE]").await;
    }
    let median = |times: &[f64]| {
        let mut times = times.to_vec();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let added = median(&through) - median(&straight);
    print(
        "floor: first word straight from the provider",
        "ms",
        straight,
    );
    print("first word through the gateway", "ms", through);
    print(
        "first word, added by the gateway (of medians)",
        "ms",
        vec![added],
    );
    gateway.stop();
}

/// What it holds while a thousand answers stream, each with its first half said.
pub(crate) async fn at_once(program: &Path) {
    const BEGUN: &str = "begun-word";
    let provider = Provider::start(Some(BEGUN)).await;
    let home = tempfile::tempdir().expect("a home");
    let gateway = Gateway::start(program, home.path(), Some(&provider.upstream.url()));
    let url = format!("http://{}/v1", gateway.address);
    let before = gateway.memory("VmRSS:");
    let began = Instant::now();
    let mut streams = Vec::new();
    for _ in 0..AT_ONCE {
        streams.push(Stream::ask(&url, &gateway.token).await);
    }
    for stream in &mut streams {
        stream.until(BEGUN).await;
    }
    print(
        "1000 streams, until all have begun",
        "ms",
        vec![began.elapsed().as_secs_f64() * 1e3],
    );
    print("before them, resident", "MB", vec![before]);
    print(
        "1000 streams, resident",
        "MB",
        vec![gateway.memory("VmRSS:")],
    );
    let began = Instant::now();
    provider.open();
    for stream in &mut streams {
        stream.until("[DONE]").await;
    }
    print(
        "1000 streams, from a word to the end of all",
        "ms",
        vec![began.elapsed().as_secs_f64() * 1e3],
    );
    print("after them, resident", "MB", vec![gateway.memory("VmRSS:")]);
    print("at most, resident", "MB", vec![gateway.memory("VmHWM:")]);
    gateway.stop();
}
