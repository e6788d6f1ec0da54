//! The store: reads over connections, writes as calls that go through now, or wait in the queue.
//!
//! What is answered `stored` was committed. While Postgres is away a batch is answered by what its agent's Durable Object
//! remembers: what is committed already is a duplicate, what waits already is queued once more in words only, and a fork is
//! a conflict, which waits in the queue like anything else because its proof is to be published.

use std::rc::Rc;

use aap::card::SignedCard;
use aap::wire::{Status, StreamHead};
use aap::{AgentId, StreamId, Timestamp, TraceId, ValidBatch};
use trace_store::{
    ActiveAgent, AgentRow, Appended, CardRow, CardTaken, CardVersion, Cursor, Equivocation, Facets,
    Filter, LinkRow, Longest, Page, PageRequest, Receipt, SessionRow, SlimCall, Stats, StoreError,
    StreamRow, TraceDetail, TraceReader, TraceRow, TraceWriter,
};
use trace_store_postgres::PostgresStore;
use trace_store_postgres::rpc::{self, Function, Refused, Rpc as _};
use worker::Env;
use worker::js_sys::Uint8Array;
use worker::send::SendFuture;
use worker::{QueueContentType, RawMessageBuilder};

use super::links::Links;
use super::news::News;
use super::rpc::{Calls, Remembers};
use crate::buffer::Waiting;
use crate::memory::{Run, Seen};
use crate::settings::{Settings, bindings};

/// What a link is told whose place is taken by another one.
const FORK: &str =
    "this place of the stream is taken by another content; both are kept as an equivocation";

/// See the module.
pub(super) struct Store {
    env: Env,
    calls: Calls,
    reads: PostgresStore<Links>,
}

impl Store {
    /// Reads over `links`.
    pub(super) fn new(env: Env, settings: Rc<Settings>, links: Links) -> Self {
        Self {
            calls: Calls::new(env.clone(), settings),
            reads: PostgresStore::new(links),
            env,
        }
    }

    fn agent(&self, agent: AgentId) -> Remembers<'_> {
        let env = &self.env;
        Remembers { env, agent }
    }

    /// Has the agents' objects know what was taken in. They are asked only while Postgres is away, so a failure is told
    /// and no more.
    async fn remember(&self, batch: &Taken, stored: bool) {
        for agent in &batch.agents {
            let run = batch.run.clone();
            let news = News { run, stored };
            let object = self.agent(*agent);
            let told = if stored {
                object.tell_later(news).await
            } else {
                object.tell(news).await
            };
            if let Err(error) = told {
                tracing::warn!(%error, %agent, "an agent's object did not learn of a batch");
            }
        }
    }

    /// Puts calls into the queue.
    async fn wait(&self, waiting: Waiting) -> Result<(), StoreError> {
        let unavailable = |error: worker::Error| {
            StoreError::Unavailable(format!("neither Postgres nor the queue took it: {error}"))
        };
        let messages = waiting.messages();
        let messages = messages.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let queue = self.env.queue(bindings::BUFFER).map_err(unavailable)?;
        for message in messages {
            // What was sent before a failure is a duplicate when the client sends all of it again.
            let body = Uint8Array::from(message.as_slice());
            let message = RawMessageBuilder::new(body.into());
            let message = message.build_with_content_type(QueueContentType::V8);
            queue.send_raw(message).await.map_err(unavailable)?;
        }
        Ok(())
    }

    /// A batch that Postgres does not take now.
    async fn wait_with(
        &self,
        batch: &ValidBatch,
        taken: &Taken,
        receipt: Receipt,
    ) -> Result<Vec<Appended>, StoreError> {
        let seen = match (&taken.run, taken.agents.first()) {
            (Some(run), Some(agent)) => {
                let seen = self.agent(*agent).ask("/look", Some(run)).await;
                seen.unwrap_or_else(|error: worker::Error| {
                    tracing::warn!(%error, %agent, "an agent's object was not asked");
                    Seen::New
                })
            }
            _ => Seen::New,
        };
        if matches!(seen, Seen::New | Seen::Fork) {
            let arguments = rpc::append_arguments(batch, receipt)?;
            let agent = taken.agents.first().copied();
            let agent = agent.ok_or_else(|| StoreError::Failed("an empty batch".to_owned()))?;
            let waiting = Waiting::new(Function::AppendBatch, agent, taken.run.clone(), arguments);
            let waiting = waiting.map_err(|error| StoreError::Failed(error.to_string()))?;
            self.wait(waiting).await?;
        }
        if seen == Seen::New {
            self.remember(taken, false).await;
        }
        let (status, reason) = match seen {
            Seen::New | Seen::Queued => (Status::Queued, None),
            Seen::Stored => (Status::Duplicate, None),
            Seen::Fork => (Status::Conflict, Some(FORK)),
        };
        let answer = |trace: &aap::ValidTrace| {
            let unordered = rpc::refused_by_every_store(trace);
            Appended {
                trace_id: trace.facts().trace_id,
                status: unordered.map_or(status, |_| Status::Rejected),
                reason: unordered.or(reason).map(str::to_owned),
                row: None,
            }
        };
        Ok(batch.traces().iter().map(answer).collect())
    }
}

/// Whose batch it is, and how far it brings a stream.
struct Taken {
    agents: Vec<AgentId>,
    run: Option<Run>,
}

impl Taken {
    fn of(batch: &ValidBatch) -> Self {
        let traces = batch.traces().iter();
        let mut agents: Vec<_> = traces.map(|trace| trace.facts().agent_id).collect();
        agents.sort_unstable();
        agents.dedup();
        let run = Run::of(batch);
        Self { agents, run }
    }
}

impl TraceWriter for Store {
    fn append(
        &self,
        batch: ValidBatch,
        receipt: impl Into<Receipt> + Send,
    ) -> impl Future<Output = Result<Vec<Appended>, StoreError>> + Send {
        let receipt = receipt.into();
        SendFuture::new(async move {
            let taken = Taken::of(&batch);
            match rpc::append(&self.calls, &batch, receipt).await {
                Ok(appended) => {
                    let in_place =
                        |one: &Appended| matches!(one.status, Status::Stored | Status::Duplicate);
                    if appended.iter().all(in_place) {
                        self.remember(&taken, true).await;
                    }
                    Ok(appended)
                }
                Err(StoreError::Unavailable(told)) => {
                    tracing::warn!(
                        told,
                        "Postgres did not take a batch; it goes into the queue"
                    );
                    self.wait_with(&batch, &taken, receipt).await
                }
                Err(error) => Err(error),
            }
        })
    }

    fn put_card(
        &self,
        card: SignedCard,
        now: Timestamp,
    ) -> impl Future<Output = Result<CardTaken, StoreError>> + Send {
        SendFuture::new(async move {
            match rpc::put_card(&self.calls, &card, now).await {
                Err(StoreError::Unavailable(told)) => {
                    tracing::warn!(told, "Postgres did not take a card; it goes into the queue");
                    let agent = card.alignment_card.agent_id;
                    let arguments = rpc::card_arguments(&card, now)?;
                    let waiting = Waiting::new(Function::PutCard, agent, None, arguments);
                    self.wait(waiting.map_err(|error| StoreError::Failed(error.to_string()))?)
                        .await?;
                    let heads = self.agent(agent).ask("/heads", None).await;
                    let heads: Vec<StreamHead> =
                        heads.map_err(|error| StoreError::Unavailable(error.to_string()))?;
                    Ok(CardTaken {
                        queued: true,
                        heads,
                    })
                }
                other => other.map(CardTaken::stored),
            }
        })
    }
}

impl TraceReader for Store {
    async fn traces(
        &self,
        filter: &Filter,
        page: PageRequest,
    ) -> Result<Page<TraceRow>, StoreError> {
        self.reads.traces(filter, page).await
    }

    async fn documents(
        &self,
        filter: &Filter,
        page: PageRequest,
    ) -> Result<Page<TraceDetail>, StoreError> {
        self.reads.documents(filter, page).await
    }

    async fn received_after(
        &self,
        position: i64,
        filter: &Filter,
        limit: u32,
    ) -> Result<Vec<TraceRow>, StoreError> {
        self.reads.received_after(position, filter, limit).await
    }

    async fn last_position(&self) -> Result<i64, StoreError> {
        self.reads.last_position().await
    }

    async fn trace(&self, id: TraceId) -> Result<Option<TraceDetail>, StoreError> {
        self.reads.trace(id).await
    }

    /// In a request that writes this asks whether the agent is new. While Postgres is away everybody is whom the agent's own
    /// object does not remember: its network's budget of new agents counts it, and its batch goes into the queue.
    async fn agent(&self, id: AgentId) -> Result<Option<AgentRow>, StoreError> {
        match self.reads.agent(id).await {
            Err(StoreError::Unavailable(told))
                if self.reads.connections().are_for_one_request() =>
            {
                tracing::warn!(told, agent = %id, "taken for a new agent");
                Ok(None)
            }
            other => other,
        }
    }

    async fn agents(&self, limit: u32) -> Result<Vec<AgentRow>, StoreError> {
        self.reads.agents(limit).await
    }

    async fn card(&self, agent: AgentId) -> Result<Option<CardRow>, StoreError> {
        self.reads.card(agent).await
    }

    async fn cards(&self, agents: &[AgentId]) -> Result<Vec<CardRow>, StoreError> {
        self.reads.cards(agents).await
    }

    async fn card_versions(
        &self,
        agent: AgentId,
        limit: u32,
    ) -> Result<Vec<CardVersion>, StoreError> {
        self.reads.card_versions(agent, limit).await
    }

    async fn card_version(
        &self,
        agent: AgentId,
        card_id: &str,
    ) -> Result<Option<CardRow>, StoreError> {
        self.reads.card_version(agent, card_id).await
    }

    async fn cards_named(&self, card_id: &str, limit: u32) -> Result<Vec<CardRow>, StoreError> {
        self.reads.cards_named(card_id, limit).await
    }

    async fn sessions(&self, agent: AgentId, limit: u32) -> Result<Vec<SessionRow>, StoreError> {
        self.reads.sessions(agent, limit).await
    }

    async fn streams(&self, agent: AgentId) -> Result<Vec<StreamRow>, StoreError> {
        self.reads.streams(agent).await
    }

    async fn equivocations(&self, agent: AgentId) -> Result<Vec<Equivocation>, StoreError> {
        self.reads.equivocations(agent).await
    }

    async fn stats(
        &self,
        filter: &Filter,
        bucket_ms: i64,
        now: Timestamp,
    ) -> Result<Stats, StoreError> {
        self.reads.stats(filter, bucket_ms, now).await
    }

    async fn over_time(
        &self,
        filter: &Filter,
        bucket_ms: i64,
        now: Timestamp,
    ) -> Result<Stats, StoreError> {
        self.reads.over_time(filter, bucket_ms, now).await
    }

    async fn most_active(
        &self,
        filter: &Filter,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<ActiveAgent>, StoreError> {
        self.reads.most_active(filter, limit, now).await
    }

    async fn facets(&self, filter: &Filter, now: Timestamp) -> Result<Facets, StoreError> {
        self.reads.facets(filter, now).await
    }

    async fn longest(&self, filter: &Filter, limit: u32) -> Result<Longest, StoreError> {
        self.reads.longest(filter, limit).await
    }

    async fn session_calls(
        &self,
        agent: AgentId,
        session: &str,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<SlimCall>, StoreError> {
        self.reads.session_calls(agent, session, after, limit).await
    }

    async fn links(
        &self,
        agent: AgentId,
        stream: StreamId,
        after_seq: u64,
        limit: u32,
    ) -> Result<Vec<LinkRow>, StoreError> {
        self.reads.links(agent, stream, after_seq, limit).await
    }

    /// The way in and the way out must both be open.
    async fn ready(&self) -> Result<(), StoreError> {
        let nobody = AgentId::from_bytes([0; 16]);
        let asked = self
            .calls
            .call(Function::SchemaVersion, nobody, "{}".to_owned());
        let version = asked.await.map_err(|refused| match refused {
            Refused::Data(told) => StoreError::Failed(told),
            Refused::Store(error) => error,
        })?;
        schema_is(&version)?;
        self.reads.last_position().await.map(drop)
    }
}

/// Whether the schema that is told is the one that this program knows.
fn schema_is(told: &str) -> Result<(), StoreError> {
    let known = i64::from(trace_store_postgres::schema::VERSION);
    match told.trim().parse::<i64>() {
        Ok(found) if found == known => Ok(()),
        Ok(found) => Err(StoreError::Schema {
            found,
            known,
            advice: "run `smoltbot db migrate`, or deploy the Worker that fits",
        }),
        Err(_) => Err(StoreError::Failed(format!(
            "schema_version answered {told:?}"
        ))),
    }
}
