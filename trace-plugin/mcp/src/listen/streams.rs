//! Which message of a server goes into which answer: a client over HTTP reads several streams, a server writes one.
//!
//! An answer goes to whoever asked. Progress goes where its token came from, a question of the proxy to the call that it is
//! about. What else a server asks goes beside the latest request, for servers ask while they work; what it merely tells goes to
//! the client's own stream (`GET`). Where neither is open, it waits for one.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Limits;
use crate::message::{Object, Said, answered, said};
use crate::relay::no_answer;
use crate::upstream::version;

/// Messages that one stream holds before its reader must have taken some.
const QUEUE: usize = 16;

/// A message on its way to a client: one line of JSON without its end.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) text: Vec<u8>,
    /// Nothing comes after it.
    pub(super) last: bool,
}

/// What a client reads from now on.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) key: u64,
    /// What has waited for a stream.
    pub(super) waited: Vec<Vec<u8>>,
    pub(super) messages: mpsc::Receiver<Message>,
}

/// The requests in what a client has posted.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// Their ids, as they stand.
    pub(super) ids: Vec<String>,
    tokens: Vec<String>,
    /// It is an `initialize`, and nothing else.
    pub(super) hello: bool,
    /// The request that the client no longer wants.
    pub(super) cancelled: Option<String>,
}

impl Requests {
    /// Reads a message or a batch; what cannot be read has none.
    pub(super) fn read(text: &str) -> Self {
        let mut all = Self::default();
        if text.starts_with('[') {
            let messages = serde_json::from_str::<Vec<&RawValue>>(text).unwrap_or_default();
            for message in messages {
                all.add(message.get());
            }
            all.hello = false;
        } else {
            all.add(text);
        }
        all
    }

    fn add(&mut self, text: &str) {
        let Some(object) = Object::read(text) else {
            return;
        };
        // A doubtful method is answered with an error, to the same id.
        if let (Ok(Some(id)), Err(_) | Ok(Some(_))) = (object.get("id"), object.get("method")) {
            self.ids.push(id.get().to_owned());
        }
        self.hello = object.text("method") == Ok(Some("initialize".to_owned()));
        if let Ok(Said::Cancelled { id }) = said(&object) {
            self.cancelled = Some(id);
        }
        self.tokens.extend(token_of_request(&object));
    }
}

fn token_of_request(object: &Object<'_>) -> Option<String> {
    let params = object.object("params").ok()??;
    let token = params.object("_meta").ok()??.get("progressToken").ok()??;
    Some(token.get().to_owned())
}

fn token_of_progress(object: &Object<'_>) -> Option<String> {
    let token = object.object("params").ok()??.get("progressToken").ok()??;
    Some(token.get().to_owned())
}

/// A request, or several, whose answers are awaited.
struct Post {
    key: u64,
    ids: Vec<String>,
    tokens: Vec<String>,
    /// It takes more than answers.
    streams: bool,
    to: mpsc::Sender<Message>,
}

#[derive(Default)]
struct Open {
    posts: Vec<Post>,
    listening: Option<mpsc::Sender<Message>>,
    waiting: VecDeque<Vec<u8>>,
    waiting_bytes: usize,
    keys: u64,
    hello: Option<String>,
    version: Option<String>,
}

/// A client's open streams.
pub(super) struct Streams {
    limits: Limits,
    open: Mutex<Open>,
}

/// Where a message goes.
enum To {
    Stream(mpsc::Sender<Message>, bool),
    Waiting,
    /// Nobody waits for it any more, or there is no room.
    Nobody,
}

impl Streams {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            open: Mutex::default(),
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the answer to `requests`; in words why it cannot be.
    pub(super) fn post(&self, requests: Requests, streams: bool) -> Result<Opened, String> {
        let mut open = self.open();
        let open = &mut *open;
        let count: usize = open.posts.iter().map(|post| post.ids.len()).sum();
        if count + requests.ids.len() > self.limits.requests {
            return Err(format!(
                "{count} requests are open in this session: wait for some to be answered"
            ));
        }
        for (at, id) in requests.ids.iter().enumerate() {
            let used = open.posts.iter().any(|post| post.ids.contains(id));
            if used || requests.ids[..at].contains(id) {
                return Err(format!("a request with the id {id} is open already"));
            }
        }
        if requests.hello {
            open.hello = requests.ids.first().cloned();
        }
        let (to, messages) = mpsc::channel(QUEUE);
        open.keys += 1;
        let key = open.keys;
        let waited = if streams && !requests.hello && !open.listens() {
            open.take_waiting()
        } else {
            Vec::new()
        };
        open.posts.push(Post {
            key,
            ids: requests.ids,
            tokens: requests.tokens,
            streams,
            to,
        });
        Ok(Opened {
            key,
            waited,
            messages,
        })
    }

    /// Opens the stream for what belongs to no request; none when it is open already.
    pub(super) fn listen(&self) -> Option<Opened> {
        let mut open = self.open();
        if open.listens() {
            return None;
        }
        let (to, messages) = mpsc::channel(QUEUE);
        open.listening = Some(to);
        Some(Opened {
            key: 0,
            waited: open.take_waiting(),
            messages,
        })
    }

    /// The version of the protocol that client and server have agreed to.
    pub(super) fn version(&self) -> Option<String> {
        self.open().version.clone()
    }

    /// Whether somebody waits for anything.
    pub(super) fn busy(&self) -> bool {
        let mut open = self.open();
        open.posts.retain(|post| !post.to.is_closed());
        !open.posts.is_empty() || open.listens()
    }

    /// Awaits no answer to what the client has taken back.
    pub(super) fn cancel(&self, id: &str) {
        let mut open = self.open();
        for post in &mut open.posts {
            post.ids.retain(|own| own != id);
        }
        open.posts.retain(|post| !post.ids.is_empty());
    }

    /// Takes a line of the server, or of the proxy about the posted message `near`. What is to be answered to the server where
    /// a request of its own reaches nobody.
    pub(super) async fn say(&self, line: &[u8], near: Option<u64>) -> Vec<Vec<u8>> {
        let mut unheard = Vec::new();
        // What is not UTF-8 is no message.
        let Ok(text) = std::str::from_utf8(line) else {
            tracing::warn!("a message of the server is not UTF-8, and was not passed on");
            return unheard;
        };
        // Carriage returns end lines of a stream; in JSON they are blanks.
        let text = text.trim().replace('\r', " ");
        if text.starts_with('[') {
            for message in serde_json::from_str::<Vec<&RawValue>>(&text).unwrap_or_default() {
                unheard.extend(self.one(message.get(), near).await);
            }
        } else if !text.is_empty() {
            unheard.extend(self.one(&text, near).await);
        }
        unheard
    }

    async fn one(&self, text: &str, near: Option<u64>) -> Option<Vec<u8>> {
        let Some(object) = Object::read(text) else {
            tracing::warn!("a line of the server is not JSON, and was not passed on");
            return None;
        };
        loop {
            let (to, last) = match self.place(&object, text, near) {
                To::Stream(to, last) => (to, last),
                To::Waiting => return None,
                To::Nobody if answered(&object).is_some() => {
                    tracing::debug!("nobody waits for an answer of the server any more");
                    return None;
                }
                To::Nobody => {
                    tracing::warn!("a message of the server was dropped: no client listens");
                    return no_answer(text.as_bytes(), "the client does not listen");
                }
            };
            let message = Message {
                text: text.as_bytes().to_vec(),
                last,
            };
            match timeout(self.limits.stall, to.send(message)).await {
                Ok(Ok(())) => return None,
                // An answer was for this stream alone.
                Ok(Err(_)) | Err(_) if answered(&object).is_some() => {
                    self.forget(&to);
                    return None;
                }
                Ok(Err(_)) | Err(_) => self.forget(&to),
            }
        }
    }

    /// A stream that is not read ends.
    fn forget(&self, gone: &mpsc::Sender<Message>) {
        let mut open = self.open();
        open.posts.retain(|post| !post.to.same_channel(gone));
        open.listening.take_if(|to| to.same_channel(gone));
    }

    fn place(&self, object: &Object<'_>, text: &str, near: Option<u64>) -> To {
        let mut open = self.open();
        let open = &mut *open;
        if let Some(answer) = answered(object) {
            if open.hello.as_ref() == Some(&answer.id) {
                open.hello = None;
                let agreed = version(text.as_bytes());
                open.version = agreed.and_then(|agreed| agreed.to_str().ok().map(str::to_owned));
            }
            return open.answer(&answer.id, near);
        }
        let asks = matches!(object.get("id"), Ok(Some(_)));
        let token = token_of_progress(object);
        let post = |wanted: &dyn Fn(&Post) -> bool| {
            let posts = open.posts.iter().rev();
            let mut posts = posts.filter(|post| post.streams && !post.to.is_closed());
            posts.find(|post| wanted(post)).map(|post| post.to.clone())
        };
        let own = post(&|post| near == Some(post.key));
        let told = post(&|post| token.iter().any(|token| post.tokens.contains(token)));
        let any = post(&|_| true);
        let listening = open
            .listening
            .as_ref()
            .filter(|to| !to.is_closed())
            .cloned();
        let rest = if asks {
            any.or(listening)
        } else {
            listening.or(any)
        };
        if let Some(to) = own.or(told).or(rest) {
            return To::Stream(to, false);
        }
        let bytes = open.waiting_bytes + text.len();
        if open.waiting.len() >= self.limits.waiting || bytes > self.limits.waiting_bytes {
            return To::Nobody;
        }
        open.waiting_bytes = bytes;
        open.waiting.push_back(text.as_bytes().to_vec());
        To::Waiting
    }

    /// Answers everything that is open with an error.
    pub(super) async fn fail(&self, why: &str) {
        let posts = std::mem::take(&mut self.open().posts);
        for post in posts {
            for (at, id) in post.ids.iter().enumerate() {
                let error = json!({"code": -32000, "message": why});
                let text = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{error}}}");
                let message = Message {
                    text: text.into_bytes(),
                    last: at + 1 == post.ids.len(),
                };
                // It may have gone.
                let _ = timeout(self.limits.stall, post.to.send(message)).await;
            }
        }
    }

    /// Ends what is still open.
    pub(super) fn end(&self) {
        let mut open = self.open();
        open.posts.clear();
        open.listening = None;
    }
}

impl Open {
    fn listens(&self) -> bool {
        self.listening.as_ref().is_some_and(|to| !to.is_closed())
    }

    fn take_waiting(&mut self) -> Vec<Vec<u8>> {
        self.waiting_bytes = 0;
        std::mem::take(&mut self.waiting).into()
    }

    fn answer(&mut self, id: &str, near: Option<u64>) -> To {
        let at = self.posts.iter().position(|post| {
            // An error about what could not be read names no id.
            post.ids.iter().any(|own| own == id) || (id == "null" && near == Some(post.key))
        });
        let Some(at) = at else {
            return To::Nobody;
        };
        self.posts[at].ids.retain(|own| own != id);
        if self.posts[at].ids.is_empty() {
            return To::Stream(self.posts.remove(at).to, true);
        }
        To::Stream(self.posts[at].to.clone(), false)
    }
}
