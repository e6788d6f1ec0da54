//! Somebody who waits for a run over HTTP.

use tokio_util::sync::CancellationToken;

use crate::agent::{Event, Following};

/// A client that waits for a run. When it goes away, what runs for it is ended.
pub(super) struct Waiting {
    following: Following,
    stop: CancellationToken,
    over: bool,
}

/// What a client is told next.
pub(super) enum News {
    /// The run went on.
    Event(Event),
    /// The gateway stops and has ended the run.
    Stopped,
}

impl Waiting {
    pub(super) fn new(following: Following, stop: CancellationToken) -> Self {
        Self {
            following,
            stop,
            over: false,
        }
    }

    /// What happened next; nothing after the end.
    pub(super) async fn next(&mut self) -> Option<News> {
        if self.over {
            return None;
        }
        let news = tokio::select! {
            biased;
            event = self.following.next() => News::Event(event?),
            () = self.stop.cancelled() => News::Stopped,
        };
        self.over = matches!(news, News::Stopped | News::Event(Event::Ended(_)));
        Some(news)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let run = self.following.run();
        if run.answer().is_none() {
            run.abort();
        }
    }
}
