//! A run: one message on its way to an answer, and everybody who watches it.
//!
//! What happens is written down once and read by each follower at its own pace: one that reads slowly gets larger pieces
//! instead of a longer queue, and one that comes late misses nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use super::answer::{Answer, Step};
use crate::clock::{now_ms, unique};

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// More words of the answer.
    Text(String),
    /// More of what the model thinks.
    Thinking(String),
    /// A step on the way.
    Step(Arc<Step>),
    /// The end, told once.
    Ended(Arc<Answer>),
}

enum Item {
    Text(String),
    Thinking(String),
    Step(Arc<Step>),
}

#[derive(Default)]
struct Log {
    items: Vec<Item>,
    ended: Option<Arc<Answer>>,
}

/// One run.
pub struct Run {
    id: String,
    session: String,
    channel: String,
    started_at: i64,
    cancel: CancellationToken,
    out_of_time: AtomicBool,
    log: Mutex<Log>,
    news: watch::Sender<()>,
}

impl Run {
    pub(super) fn new(session: String, channel: String) -> Self {
        Self {
            id: unique().to_string(),
            session,
            channel,
            started_at: now_ms(),
            cancel: CancellationToken::new(),
            out_of_time: AtomicBool::new(false),
            log: Mutex::default(),
            news: watch::channel(()).0,
        }
    }

    /// Names it; a UUID of version 7.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The session that it belongs to.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// The channel that its message came by.
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// Milliseconds since 1970.
    pub fn started_at(&self) -> i64 {
        self.started_at
    }

    /// Ends it: what runs for it is dropped, and its traces say so. It still comes to an answer, which tells that.
    pub fn abort(&self) {
        self.cancel.cancel();
    }

    /// Ends it because the time that it was given is up.
    pub fn time_out(&self) {
        self.out_of_time.store(true, Ordering::Relaxed);
        self.abort();
    }

    /// Whether the time that it was given is up.
    pub fn is_out_of_time(&self) -> bool {
        self.out_of_time.load(Ordering::Relaxed)
    }

    /// Its answer, once there is one.
    pub fn answer(&self) -> Option<Arc<Answer>> {
        self.log().ended.clone()
    }

    /// Everything that happens in it, from the beginning.
    pub fn follow(self: &Arc<Self>) -> Following {
        Following {
            news: self.news.subscribe(),
            run: Arc::clone(self),
            item: 0,
            byte: 0,
            done: false,
        }
    }

    /// Waits for its answer.
    pub async fn ended(&self) -> Arc<Answer> {
        let mut news = self.news.subscribe();
        loop {
            if let Some(answer) = self.answer() {
                return answer;
            }
            // The sender lives as long as the run.
            let _ = news.changed().await;
        }
    }

    pub(super) fn aborted(&self) -> WaitForCancellationFuture<'_> {
        self.cancel.cancelled()
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.cancel.is_cancelled()
    }

    pub(super) fn text(&self, more: &str) {
        self.tell(|items| match items.last_mut() {
            Some(Item::Text(text)) => text.push_str(more),
            _ => items.push(Item::Text(more.to_owned())),
        });
    }

    pub(super) fn thinking(&self, more: &str) {
        self.tell(|items| match items.last_mut() {
            Some(Item::Thinking(text)) => text.push_str(more),
            _ => items.push(Item::Thinking(more.to_owned())),
        });
    }

    pub(super) fn step(&self, step: Step) {
        self.tell(|items| items.push(Item::Step(Arc::new(step))));
    }

    pub(super) fn end(&self, answer: Answer) -> Arc<Answer> {
        let answer = Arc::new(answer);
        self.log().ended = Some(Arc::clone(&answer));
        self.news.send_replace(());
        answer
    }

    fn tell(&self, add: impl FnOnce(&mut Vec<Item>)) {
        add(&mut self.log().items);
        self.news.send_replace(());
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who watches a run.
pub struct Following {
    run: Arc<Run>,
    news: watch::Receiver<()>,
    item: usize,
    byte: usize,
    done: bool,
}

impl Following {
    /// The run.
    pub fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// What happened next; all words since the last time in one piece. Nothing after the end was told. May be dropped and
    /// called again without missing anything.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if self.done {
                return None;
            }
            self.news.borrow_and_update();
            if let Some(event) = self.take() {
                return Some(event);
            }
            // The run, and with it the sender, is held by this very struct.
            let _ = self.news.changed().await;
        }
    }

    fn take(&mut self) -> Option<Event> {
        let log = self.run.log();
        loop {
            let Some(item) = log.items.get(self.item) else {
                self.done = log.ended.is_some();
                return log.ended.clone().map(Event::Ended);
            };
            let (text, make): (&str, fn(String) -> Event) = match item {
                Item::Text(text) => (text, Event::Text),
                Item::Thinking(text) => (text, Event::Thinking),
                Item::Step(step) => {
                    self.item += 1;
                    return Some(Event::Step(Arc::clone(step)));
                }
            };
            if self.byte < text.len() {
                let more = text[self.byte..].to_owned();
                self.byte = text.len();
                return Some(make(more));
            }
            // The last one may still grow.
            if self.item + 1 == log.items.len() && log.ended.is_none() {
                return None;
            }
            (self.item, self.byte) = (self.item + 1, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Arc<Run> {
        Arc::new(Run::new("web:default".to_owned(), "web".to_owned()))
    }

    fn answer(run: &Run) -> Answer {
        Answer::note(run, "done")
    }

    #[tokio::test]
    async fn whoever_comes_late_or_reads_slowly_gets_everything_in_larger_pieces() {
        let run = run();
        let mut early = run.follow();
        run.text("a");
        assert_eq!(early.next().await, Some(Event::Text("a".to_owned())));
        run.text("b");
        run.text("c");
        run.thinking("hm");
        assert_eq!(early.next().await, Some(Event::Text("bc".to_owned())));
        run.end(answer(&run));
        assert_eq!(early.next().await, Some(Event::Thinking("hm".to_owned())));
        assert!(matches!(early.next().await, Some(Event::Ended(_))));
        assert_eq!(early.next().await, None);

        let mut late = run.follow();
        assert_eq!(late.next().await, Some(Event::Text("abc".to_owned())));
        assert_eq!(late.next().await, Some(Event::Thinking("hm".to_owned())));
        assert!(matches!(late.next().await, Some(Event::Ended(_))));
    }

    #[tokio::test]
    async fn an_end_that_comes_while_one_waits_is_heard() {
        let run = run();
        let mut following = run.follow();
        let waiting = tokio::spawn(async move { following.next().await });
        tokio::task::yield_now().await;
        run.end(answer(&run));
        assert!(matches!(waiting.await, Ok(Some(Event::Ended(_)))));
    }
}
