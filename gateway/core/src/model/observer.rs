//! Who is told how models are asked: for counts and times.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{ErrorKind, ModelError, Reply};

/// One request to one model, ended.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The provider's name.
    pub provider: &'a str,
    /// Its own name of the model.
    pub model: &'a str,
    /// Whether the configuration names the model; else whoever asks did.
    pub listed: bool,
    /// When the first piece of the answer came.
    pub first: Option<Duration>,
    /// How long it took.
    pub whole: Duration,
    /// How it ended.
    pub outcome: Outcome<'a>,
}

/// How a request to a model ended.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// With an answer.
    Answered(&'a Reply),
    /// With a failure.
    Failed(&'a ModelError),
    /// Nobody waited for it any more.
    LetGo,
}

/// Somebody who is told. Must not block.
pub trait Observer: Send + Sync + 'static {
    /// A request has ended.
    fn asked(&self, asked: &Asked<'_>);

    /// The same model of that provider is asked again, after such a failure.
    fn again(&self, provider: &str, kind: ErrorKind);

    /// That provider, or one of its models, is left alone for a while, after such a failure.
    fn cools(&self, provider: &str, kind: ErrorKind);
}

/// A request under way. Dropping it before it has ended tells that it was let go of.
pub(super) struct Asking<'a> {
    observer: Option<&'a Arc<dyn Observer>>,
    provider: &'a str,
    model: &'a str,
    listed: bool,
    since: Instant,
    first: Option<Duration>,
}

impl<'a> Asking<'a> {
    pub(super) fn new(
        observer: Option<&'a Arc<dyn Observer>>,
        provider: &'a str,
        model: &'a str,
        listed: bool,
    ) -> Self {
        Self {
            observer,
            provider,
            model,
            listed,
            since: Instant::now(),
            first: None,
        }
    }

    /// A piece of the answer came.
    pub(super) fn came(&mut self) {
        if self.observer.is_some() && self.first.is_none() {
            self.first = Some(self.since.elapsed());
        }
    }

    pub(super) fn ended(mut self, answer: &Result<Reply, ModelError>) {
        self.tell(match answer {
            Ok(reply) => Outcome::Answered(reply),
            Err(error) => Outcome::Failed(error),
        });
    }

    fn tell(&mut self, outcome: Outcome<'_>) {
        if let Some(observer) = self.observer.take() {
            observer.asked(&Asked {
                provider: self.provider,
                model: self.model,
                listed: self.listed,
                first: self.first,
                whole: self.since.elapsed(),
                outcome,
            });
        }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.tell(Outcome::LetGo);
    }
}
