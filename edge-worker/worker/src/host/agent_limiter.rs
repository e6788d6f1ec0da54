//! The Durable Object `AgentLimiter`: one key's count, and an agent's memory.
//!
//! It has one value in its storage, written at most once a request and mostly seldomer ([`crate::meter`]). An object that
//! counts a network forgets everything once the limit is whole again; one that remembers an agent stays.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object, wasm_bindgen};

use super::news::News;
use crate::limits::{Answer, Question};
use crate::memory::{Memory, Run};
use crate::meter::Meter;

/// The key of the one value.
const KEY: &str = "state";
/// What is learnt and not saved: the heads of so many batches. A head that is forgotten is told by the store.
const UNSAVED_HEADS: u32 = 20;
/// How long after the limit is whole again a key is forgotten.
const FORGET_AFTER: Duration = Duration::from_mins(1);

/// What comes before the path of a question. Only this program asks.
pub(super) const ADDRESS: &str = "https://limiter";

/// See the module.
#[durable_object(alarm)]
#[derive(Debug)]
pub struct AgentLimiter {
    state: State,
    loaded: Cell<bool>,
    /// Whether an alarm is set that will look whether anything has to be kept.
    alarm: Cell<bool>,
    meter: Meter,
    memory: RefCell<Memory>,
    unsaved_heads: Cell<u32>,
}

/// What is in storage.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Saved {
    arrival: u64,
    memory: Memory,
}

/// A question with what the object has to hear first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) news: Vec<News>,
    /// Of `/look`.
    #[serde(default)]
    pub(super) run: Option<Run>,
}

impl DurableObject for AgentLimiter {
    fn new(state: State, _env: Env) -> Self {
        super::metrics();
        Self {
            state,
            loaded: Cell::new(false),
            alarm: Cell::new(false),
            meter: Meter::default(),
            memory: RefCell::default(),
            unsaved_heads: Cell::new(0),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        self.load().await?;
        let url = request.inner().url();
        let asked = url.strip_prefix(ADDRESS).unwrap_or_default();
        let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
        let asked = match request.inner().body() {
            Some(_) => serde_json::from_slice(&request.bytes().await?)?,
            None => Asked::default(),
        };
        for news in &asked.news {
            self.learn(news).await?;
        }
        match path {
            "/check" => {
                let question = Question::from_query(query);
                let question = question.ok_or("not a question")?;
                let reading = question.ask(&self.meter, super::monotonic());
                if let Some(arrival) = self.meter.save() {
                    self.save(arrival).await?;
                }
                let known = self.memory.borrow().known;
                Response::ok(Answer { reading, known }.to_line())
            }
            "/learn" => Response::empty(),
            "/look" => {
                let run = asked.run.ok_or("no run to look at")?;
                Response::from_json(&self.memory.borrow().look(&run))
            }
            "/heads" => Response::from_json(&self.memory.borrow().heads()),
            other => Response::error(format!("no such question: {other}"), 404),
        }
    }

    /// Forgets the key, or looks again later.
    async fn alarm(&self) -> Result<Response> {
        self.load().await?;
        self.alarm.set(false);
        let whole = self.meter.whole_at();
        if super::monotonic() < whole {
            self.set_alarm().await?;
        } else if !self.memory.borrow().known {
            self.state.storage().delete_all().await?;
        }
        Response::empty()
    }
}

impl AgentLimiter {
    async fn load(&self) -> Result<()> {
        if self.loaded.get() {
            return Ok(());
        }
        // Nobody else is let in while storage is read.
        if let Some(text) = self.state.storage().get::<String>(KEY).await? {
            let saved: Saved = serde_json::from_str(&text)?;
            self.meter.restore(saved.arrival);
            self.memory.replace(saved.memory);
            self.alarm
                .set(self.state.storage().get_alarm().await?.is_some());
        }
        self.loaded.set(true);
        Ok(())
    }

    async fn learn(&self, news: &News) -> Result<()> {
        let was_known = self.memory.borrow().known;
        let changed = self
            .memory
            .borrow_mut()
            .learn(news.run.as_ref(), news.stored);
        if !changed {
            return Ok(());
        }
        self.unsaved_heads.set(self.unsaved_heads.get() + 1);
        // What is queued is nowhere else to be asked for while Postgres is away.
        if !was_known || !news.stored || self.unsaved_heads.get() >= UNSAVED_HEADS {
            self.save(self.meter.mark_saved()).await?;
        }
        Ok(())
    }

    /// Writes everything.
    async fn save(&self, arrival: u64) -> Result<()> {
        self.unsaved_heads.set(0);
        let memory = self.memory.borrow().clone();
        let known = memory.known;
        let saved = serde_json::to_string(&Saved { arrival, memory })?;
        self.state.storage().put_raw(KEY, saved).await?;
        if !known && !self.alarm.get() {
            self.set_alarm().await?;
        }
        Ok(())
    }

    async fn set_alarm(&self) -> Result<()> {
        let left = self.meter.whole_at().saturating_sub(super::monotonic());
        self.alarm.set(true);
        self.state.storage().set_alarm(left + FORGET_AFTER).await
    }
}
