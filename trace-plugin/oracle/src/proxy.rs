//! What stands between a sidecar and its edge: it passes requests on, until it is told to make trouble.
//!
//! It keeps count of what it saw, for a run in which nothing was shipped, or nothing twice, proves nothing.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

pub mod http;
mod trouble;

use http::Message;
pub use trouble::Trouble;

/// How long a request is held back so that the next one overtakes it.
const HELD: Duration = Duration::from_millis(700);
/// Between two bytes of a slow answer.
const SLOW: Duration = Duration::from_millis(150);

/// What was seen on the way.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Submissions that came.
    pub submissions: u64,
    /// How often each id was brought to the edge.
    pub brought: BTreeMap<String, u64>,
    /// Ids that the edge called duplicates.
    pub duplicates: u64,
    /// How often each trouble was made, by its name.
    pub made: BTreeMap<&'static str, u64>,
    /// When the edge last answered a submission with names, and that answer was passed on whole.
    pub last_ack: Option<SystemTime>,
}

#[derive(Default)]
struct State {
    edge: Option<SocketAddr>,
    /// The next submissions' troubles.
    next: VecDeque<(&'static str, Trouble)>,
    /// The trouble of every request, until it is over.
    always: Option<(&'static str, Trouble)>,
    /// A submission that holds this is answered with this status.
    poison: Option<(String, u16)>,
    seen: Seen,
}

type Shared = Arc<Mutex<State>>;

fn lock(state: &Shared) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A proxy that runs until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: Shared,
    _runtime: Runtime,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

impl Proxy {
    /// Starts one in front of `edge`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn start(edge: SocketAddr) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let address = listener.local_addr()?;
        let state = Shared::default();
        lock(&state).edge = Some(edge);
        let shared = Arc::clone(&state);
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move {
                    // A connection that breaks is what this is for.
                    let _ = serve(client, &state).await;
                });
            }
        });
        Ok(Self {
            address,
            state,
            _runtime: runtime,
        })
    }

    /// The URL that the sidecar is given.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The edge is elsewhere now.
    pub fn edge_is(&self, edge: SocketAddr) {
        lock(&self.state).edge = Some(edge);
    }

    /// Makes this trouble with each of the next `times` submissions.
    pub fn next(&self, (name, trouble): (&'static str, Trouble), times: u64) {
        let mut state = lock(&self.state);
        for _ in 0..times {
            state.next.push_back((name, trouble));
        }
    }

    /// Makes this trouble with every request.
    pub fn always(&self, trouble: (&'static str, Trouble)) {
        lock(&self.state).always = Some(trouble);
    }

    /// Has submissions that hold `text` answered with `status`.
    pub fn poison(&self, text: &str, status: u16) {
        lock(&self.state).poison = Some((text.to_owned(), status));
    }

    /// No more trouble; poison stays poison.
    pub fn calm(&self) {
        let mut state = lock(&self.state);
        state.next.clear();
        state.always = None;
    }

    /// What was seen by now.
    pub fn seen(&self) -> Seen {
        lock(&self.state).seen.clone()
    }
}

async fn serve(mut client: TcpStream, state: &Shared) -> io::Result<()> {
    loop {
        if let Some(("connection-refused", _)) = lock(state).always {
            made(state, "connection-refused");
            return Ok(());
        }
        let Some(request) = http::read(&mut client).await? else {
            return Ok(());
        };
        let submission = (request.line().0 == "POST").then(|| request.json());
        if let Some(submission) = &submission {
            lock(state).seen.submissions += 1;
            if let Some(answer) = poisoned(state, submission) {
                client.write_all(&answer.bytes("keep-alive")).await?;
                continue;
            }
        }
        let trouble = {
            let mut state = lock(state);
            let next = submission.is_some().then(|| state.next.pop_front());
            state.always.or_else(|| next.flatten())
        };
        let Some((name, trouble)) = trouble else {
            let answer = forward(&request, state).await?;
            client.write_all(&answer.bytes("keep-alive")).await?;
            if submission.is_some() && answer.json()["results"].is_array() {
                lock(state).seen.last_ack = Some(SystemTime::now());
            }
            continue;
        };
        made(state, name);
        if !make(trouble, &request, &mut client, state).await? {
            return Ok(());
        }
    }
}

fn made(state: &Shared, name: &'static str) {
    *lock(state).seen.made.entry(name).or_default() += 1;
}

/// The answer to a submission that holds what this edge will not take.
fn poisoned(state: &Shared, submission: &Value) -> Option<Message> {
    let (text, status) = lock(state).poison.clone()?;
    submission.to_string().contains(&text).then(|| {
        made(state, "poison");
        let body =
            json!({ "title": "no", "status": status, "detail": "this edge takes no poison" });
        Message::answer(
            status,
            &["content-type: application/problem+json"],
            &body.to_string(),
        )
    })
}

/// Passes a request on, and counts what it brings.
async fn forward(request: &Message, state: &Shared) -> io::Result<Message> {
    let edge = lock(state).edge.ok_or(io::ErrorKind::NotConnected)?;
    let mut stream = TcpStream::connect(edge).await?;
    stream.write_all(&request.bytes("close")).await?;
    let answer = http::read(&mut stream).await?;
    let answer = answer.ok_or(io::ErrorKind::UnexpectedEof)?;
    if request.line().0 == "POST" {
        let mut state = lock(state);
        for id in http::ids(&request.json()) {
            *state.seen.brought.entry(id).or_default() += 1;
        }
        let results = answer.json()["results"].as_array().cloned();
        let again = |result: &&Value| result["status"] == "duplicate";
        let duplicates = results.iter().flatten().filter(again).count();
        state.seen.duplicates += u64::try_from(duplicates).unwrap_or(0);
    }
    Ok(answer)
}

/// Makes one trouble; whether the connection goes on.
async fn make(
    trouble: Trouble,
    request: &Message,
    client: &mut TcpStream,
    state: &Shared,
) -> io::Result<bool> {
    let answer = match trouble {
        Trouble::Overtaken => {
            let (request, state) = (request.clone(), Arc::clone(state));
            tokio::spawn(async move {
                tokio::time::sleep(HELD).await;
                // Nobody is left to be told.
                let _ = forward(&request, &state).await;
            });
            return Ok(false);
        }
        Trouble::Refused | Trouble::Swallowed => return Ok(false),
        Trouble::Replayed => {
            forward(request, state).await?;
            forward(request, state).await?
        }
        trouble if trouble.forwards() => forward(request, state).await?,
        trouble => own(trouble),
    };
    let bytes = answer.bytes("keep-alive");
    let head = bytes.len() - answer.body.len();
    match trouble {
        Trouble::CutBeforeHeaders => return Ok(false),
        Trouble::CutInHeaders => client.write_all(&bytes[..head / 2]).await?,
        Trouble::CutInBody => {
            client
                .write_all(&bytes[..head + answer.body.len() / 2])
                .await?;
        }
        Trouble::SlowLoris => {
            for byte in bytes {
                client.write_all(&[byte]).await?;
                tokio::time::sleep(SLOW).await;
            }
        }
        Trouble::NamesSome | Trouble::NamesBackwards => {
            let named = renamed(&answer, trouble);
            client.write_all(&named.bytes("keep-alive")).await?;
            return Ok(true);
        }
        _ => {
            client.write_all(&bytes).await?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// An answer that no edge gave.
fn own(trouble: Trouble) -> Message {
    let page = "<html><body>Welcome to our network. Please sign in.</body></html>";
    let html = "content-type: text/html";
    let json = "content-type: application/json";
    match trouble {
        Trouble::SlowDown(None) => Message::answer(429, &[html], page),
        Trouble::SlowDown(Some(after)) => {
            let after = match after {
                "DATE" => soon(),
                after => after.to_owned(),
            };
            Message::answer(429, &[html, &format!("retry-after: {after}")], page)
        }
        Trouble::Status(status) => Message::answer(status, &[html], page),
        Trouble::Empty => Message::answer(200, &[json], ""),
        Trouble::NamesNothing => Message::answer(200, &[json], r#"{"success":true,"results":[]}"#),
        Trouble::NamesOthers => Message::answer(
            200,
            &[json],
            r#"{"success":true,"results":[{"trace_id":"01890000-0000-7000-8000-000000000000","status":"stored"}]}"#,
        ),
        _ => Message::answer(200, &[html], page),
    }
}

/// An answer that names less, or in another order.
fn renamed(answer: &Message, trouble: Trouble) -> Message {
    let mut body = answer.json();
    if let Some(results) = body["results"].as_array_mut() {
        if trouble == Trouble::NamesBackwards {
            results.reverse();
        } else {
            let mut index = 0;
            results.retain(|_| {
                index += 1;
                index % 2 == 1
            });
        }
    }
    Message {
        head: answer.head.clone(),
        body: body.to_string().into_bytes(),
    }
}

/// The time in a second from now, as HTTP writes it.
fn soon() -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let now = SystemTime::now() + Duration::from_secs(1);
    let seconds = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01, by Howard Hinnant's civil calendar.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let name = |names: &[&'static str], index: u64| names[usize::try_from(index).unwrap_or(0)];
    format!(
        "{}, {day:02} {} {year} {:02}:{:02}:{:02} GMT",
        name(&DAYS, days % 7),
        name(&MONTHS, month - 1),
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}
