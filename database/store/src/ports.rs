//! The two ports. A reader cannot write, and a writer takes only what was validated.

use std::future::Future;

use aap::card::SignedCard;
use aap::wire::{Status, StreamHead};
use aap::{ActionType, AgentId, StreamId, Timestamp, TraceId, ValidBatch};

use crate::facets::{Facets, Longest};
use crate::filter::{Cursor, Filter, Page, PageRequest};
use crate::receipt::Receipt;
use crate::rows::{
    ActiveAgent, AgentRow, CardRow, CardVersion, Equivocation, SessionRow, Stats, StreamRow,
    TraceDetail, TraceRow,
};
use crate::slim::{LinkRow, SlimCall};

/// Why a store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached or is too busy now; the same call may go through later.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// It holds another schema than this program knows.
    #[error("the store's schema is version {found}; this program knows {known}. {advice}")]
    Schema {
        /// What is there.
        found: i64,
        /// What is known.
        known: i64,
        /// What to do.
        advice: &'static str,
    },
    /// Anything else; a defect.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// What became of one trace of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Appended {
    /// Its id.
    pub trace_id: TraceId,
    /// Stored, duplicate, conflict, or rejected when no store could hold it (see [`TraceWriter::append`]).
    pub status: Status,
    /// Why, for a conflict or a rejection.
    pub reason: Option<String>,
    /// The row as a listing shows it, when it was stored now: what live readers are told.
    pub row: Option<TraceRow>,
}

/// What became of a card.
#[derive(Debug, Clone, PartialEq)]
pub struct CardTaken {
    /// True when it waits to be kept; false when it is.
    pub queued: bool,
    /// The heads of the agent's streams, as far as they are known.
    pub heads: Vec<StreamHead>,
}

impl CardTaken {
    /// A card that is kept.
    pub fn stored(heads: Vec<StreamHead>) -> Self {
        Self {
            queued: false,
            heads,
        }
    }
}

/// Takes traces in.
pub trait TraceWriter: Send + Sync + 'static {
    /// Commits a batch in one transaction and answers for each of its traces, in their order.
    ///
    /// - The same id with the same fingerprint is a duplicate; with another it is a conflict and the first stays.
    /// - Another digest at the same stream and seq is a conflict and is recorded as an equivocation with its note.
    /// - The content of a header that is stored already fills it in: the answer is stored, without a row, because the trace
    ///   keeps its position and live readers were told of it.
    /// - A seq above `i64::MAX` is rejected: no store can order it.
    /// - `receipt` is the time of receipt, with the sender's network where that is known. A time that is odd against it
    ///   ([`aap::limits::MAX_CLOCK_AHEAD_MS`], [`aap::limits::MAX_TRACE_AGE_MS`]) stays in the trace, which is listed under
    ///   the time of receipt and marked ([`crate::receipt::listed_at`]).
    ///
    /// When this returns, what it calls stored is durable.
    fn append(
        &self,
        batch: ValidBatch,
        receipt: impl Into<Receipt> + Send,
    ) -> impl Future<Output = Result<Vec<Appended>, StoreError>> + Send;

    /// Keeps a card whose signature was checked, makes it the agent's card in force if it is the newest by `issued_at`,
    /// and answers with the heads of the agent's streams. Idempotent. A store that is away may have a queue in front, which
    /// takes the card instead.
    fn put_card(
        &self,
        card: SignedCard,
        now: Timestamp,
    ) -> impl Future<Output = Result<CardTaken, StoreError>> + Send;
}

/// Answers questions about what was stored.
pub trait TraceReader: Send + Sync + 'static {
    /// A page of traces by ([`TraceRow::at`], id).
    ///
    /// A store that searches rows one by one may stop after a number of them: the page then holds fewer rows than its limit,
    /// even none, and `next` says where to go on. Only a page without `next` is the last.
    fn traces(
        &self,
        filter: &Filter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<TraceRow>, StoreError>> + Send;

    /// A page of traces, each whole; `previous`, `next` and `note` are left out.
    fn documents(
        &self,
        filter: &Filter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<TraceDetail>, StoreError>> + Send;

    /// Traces received after `position`, in the order of receipt; at most `limit`. Behind a trace that was returned none
    /// appears later: while a batch is still being written a store may hold back what was given higher positions.
    fn received_after(
        &self,
        position: i64,
        filter: &Filter,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<TraceRow>, StoreError>> + Send;

    /// The highest position behind which none appears any more; 0 in an empty store. Once nothing is being written it is
    /// the highest that was given out.
    fn last_position(&self) -> impl Future<Output = Result<i64, StoreError>> + Send;

    /// One trace.
    fn trace(
        &self,
        id: TraceId,
    ) -> impl Future<Output = Result<Option<TraceDetail>, StoreError>> + Send;

    /// One agent.
    fn agent(
        &self,
        id: AgentId,
    ) -> impl Future<Output = Result<Option<AgentRow>, StoreError>> + Send;

    /// Agents, last heard of first.
    fn agents(&self, limit: u32) -> impl Future<Output = Result<Vec<AgentRow>, StoreError>> + Send;

    /// An agent's card in force.
    fn card(
        &self,
        agent: AgentId,
    ) -> impl Future<Output = Result<Option<CardRow>, StoreError>> + Send;

    /// The cards in force of several agents, in any order; an agent without one is left out. A store whose questions cost a
    /// way over a network answers in one.
    fn cards(
        &self,
        agents: &[AgentId],
    ) -> impl Future<Output = Result<Vec<CardRow>, StoreError>> + Send {
        async move {
            let mut found = Vec::new();
            for agent in agents {
                found.extend(self.card(*agent).await?);
            }
            Ok(found)
        }
    }

    /// The cards that an agent has put, the newest by `issued_at` first; at most `limit`, 1 to [`aap::limits::MAX_PAGE`].
    fn card_versions(
        &self,
        agent: AgentId,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<CardVersion>, StoreError>> + Send;

    /// An agent's card by its id, in force or not; of several with one id the newest by `issued_at`.
    fn card_version(
        &self,
        agent: AgentId,
        card_id: &str,
    ) -> impl Future<Output = Result<Option<CardRow>, StoreError>> + Send;

    /// The cards with this id, in force or not: of each agent that has put one the newest by `issued_at`, in the order of the
    /// agents' ids; at most `limit`, 1 to [`aap::limits::MAX_PAGE`]. Nobody keeps an agent from giving its card another's id.
    fn cards_named(
        &self,
        card_id: &str,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<CardRow>, StoreError>> + Send;

    /// An agent's sessions, newest first.
    fn sessions(
        &self,
        agent: AgentId,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<SessionRow>, StoreError>> + Send;

    /// An agent's streams.
    fn streams(
        &self,
        agent: AgentId,
    ) -> impl Future<Output = Result<Vec<StreamRow>, StoreError>> + Send;

    /// An agent's equivocations, newest first.
    fn equivocations(
        &self,
        agent: AgentId,
    ) -> impl Future<Output = Result<Vec<Equivocation>, StoreError>> + Send;

    /// Counts over a filter, in spans of `bucket_ms`; `q` is not looked at. [`crate::Span::of`] says what is counted when
    /// `since` or `until` are not given, and widens buckets that would be too many. Percentiles are within 2 % of a
    /// measured duration.
    fn stats(
        &self,
        filter: &Filter,
        bucket_ms: i64,
        now: Timestamp,
    ) -> impl Future<Output = Result<Stats, StoreError>> + Send;

    /// The agents with most traces under the filter, the most first and among equals who acted last; at most `limit`, 1 to
    /// [`aap::limits::MAX_PAGE`]. `q` is not looked at, and the span is that of [`Self::stats`].
    fn most_active(
        &self,
        filter: &Filter,
        limit: u32,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<ActiveAgent>, StoreError>> + Send;

    /// The agents that refused most under the filter, as [`Self::most_active`] tells them.
    fn refusals_by_agent(
        &self,
        filter: &Filter,
        limit: u32,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<ActiveAgent>, StoreError>> + Send {
        let refused = Filter {
            action_type: Some(ActionType::Deny),
            ..filter.clone()
        };
        async move {
            match filter.action_type {
                None | Some(ActionType::Deny) => self.most_active(&refused, limit, now).await,
                // What is no refusal cannot be one.
                Some(_) => Ok(Vec::new()),
            }
        }
    }

    /// What the filter could be narrowed down by, and how often each occurs under it. Without `until` it ends with `now`;
    /// without `since` everything before counts. [`Facets`] says what was looked at.
    fn facets(
        &self,
        filter: &Filter,
        now: Timestamp,
    ) -> impl Future<Output = Result<Facets, StoreError>> + Send;

    /// The traces that took longest among the newest, of which
    /// [`crate::facets::most_looked_at`] tells how many are looked at; at most `limit`, 1 to
    /// [`aap::limits::MAX_PAGE`].
    fn longest(
        &self,
        filter: &Filter,
        limit: u32,
    ) -> impl Future<Output = Result<Longest, StoreError>> + Send;

    /// A session's calls, oldest first, from behind `after` on; at most `limit`, 1 to
    /// [`crate::slim::MAX_SESSION_CALLS`].
    fn session_calls(
        &self,
        agent: AgentId,
        session: &str,
        after: Option<Cursor>,
        limit: u32,
    ) -> impl Future<Output = Result<Page<SlimCall>, StoreError>> + Send;

    /// Links of an agent's stream in their order, from behind `after_seq` on; at most `limit`, 1 to
    /// [`crate::slim::MAX_LINKS`]. Erased and held-back content takes no link away. A link whose commitment is not known
    /// any more (it was erased, or held back, under a schema that did not keep it) is left out, as one that never came is.
    fn links(
        &self,
        agent: AgentId,
        stream: StreamId,
        after_seq: u64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<LinkRow>, StoreError>> + Send;

    /// [`Self::stats`] without agents, tools, values and rules, which a store may leave out: for who draws over time and no more.
    fn over_time(
        &self,
        filter: &Filter,
        bucket_ms: i64,
        now: Timestamp,
    ) -> impl Future<Output = Result<Stats, StoreError>> + Send {
        self.stats(filter, bucket_ms, now)
    }

    /// Whether the store answers at all.
    fn ready(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
}
