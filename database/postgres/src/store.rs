//! The store itself.

use std::sync::Arc;

use aap::card::SignedCard;
use aap::wire::Status;
use aap::{AgentId, StreamId, Timestamp, TraceId, ValidBatch};
use trace_store::{
    ActiveAgent, AgentRow, Appended, CardRow, CardTaken, CardVersion, Cursor, Equivocation, Facets,
    Filter, LinkRow, Longest, Page, PageRequest, Receipt, SessionRow, SlimCall, Stats, StoreError,
    StreamRow, TraceDetail, TraceReader, TraceRow, TraceWriter,
};

use crate::append::Sql;
use crate::ask::{Transaction, rows_as};
use crate::connections::{Connections, Role};
use crate::stats::Counts;
use crate::{active, agents, append, cards, facets, list, slim, stats};

/// Traces in a Postgres database, over connections that `C` brings. Clones share them.
pub struct PostgresStore<C> {
    connections: Arc<C>,
}

impl<C> Clone for PostgresStore<C> {
    fn clone(&self) -> Self {
        Self {
            connections: Arc::clone(&self.connections),
        }
    }
}

impl<C: Connections> PostgresStore<C> {
    /// A store over these connections. Nothing is asked of the database yet.
    pub fn new(connections: C) -> Self {
        Self {
            connections: Arc::new(connections),
        }
    }

    /// Where its connections come from.
    pub fn connections(&self) -> &C {
        &self.connections
    }
}

impl<C: Connections> TraceWriter for PostgresStore<C> {
    /// A trace that the database cannot hold is rejected by itself; the others of its batch are then stored in several
    /// transactions instead of one.
    async fn append(
        &self,
        batch: ValidBatch,
        receipt: impl Into<Receipt> + Send,
    ) -> Result<Vec<Appended>, StoreError> {
        let appended = append::append(&Sql(&*self.connections), &batch, receipt.into()).await?;
        // What is known by now may be what a broken connection has committed, and nobody was told of.
        let there = |one: &Appended| matches!(one.status, Status::Stored | Status::Duplicate);
        if appended.iter().any(there) {
            self.connections.appended();
        }
        Ok(appended)
    }

    async fn put_card(&self, card: SignedCard, now: Timestamp) -> Result<CardTaken, StoreError> {
        let heads = cards::put(&*self.connections, &card, now).await?;
        Ok(CardTaken::stored(heads))
    }
}

impl<C: Connections> TraceReader for PostgresStore<C> {
    async fn traces(
        &self,
        filter: &Filter,
        page: PageRequest,
    ) -> Result<Page<TraceRow>, StoreError> {
        list::traces(&*self.connections, filter, page).await
    }

    async fn documents(
        &self,
        filter: &Filter,
        page: PageRequest,
    ) -> Result<Page<TraceDetail>, StoreError> {
        list::documents(&*self.connections, filter, page).await
    }

    async fn received_after(
        &self,
        position: i64,
        filter: &Filter,
        limit: u32,
    ) -> Result<Vec<TraceRow>, StoreError> {
        list::received_after(&*self.connections, position, filter, limit).await
    }

    async fn last_position(&self) -> Result<i64, StoreError> {
        list::last_position(&*self.connections).await
    }

    async fn trace(&self, id: TraceId) -> Result<Option<TraceDetail>, StoreError> {
        list::trace(&*self.connections, id).await
    }

    async fn agent(&self, id: AgentId) -> Result<Option<AgentRow>, StoreError> {
        agents::agent(&*self.connections, id).await
    }

    async fn agents(&self, limit: u32) -> Result<Vec<AgentRow>, StoreError> {
        agents::agents(&*self.connections, limit).await
    }

    async fn card(&self, agent: AgentId) -> Result<Option<CardRow>, StoreError> {
        cards::card(&*self.connections, agent).await
    }

    async fn cards(&self, agents: &[AgentId]) -> Result<Vec<CardRow>, StoreError> {
        cards::cards(&*self.connections, agents).await
    }

    async fn card_versions(
        &self,
        agent: AgentId,
        limit: u32,
    ) -> Result<Vec<CardVersion>, StoreError> {
        cards::versions(&*self.connections, agent, limit).await
    }

    async fn card_version(
        &self,
        agent: AgentId,
        card_id: &str,
    ) -> Result<Option<CardRow>, StoreError> {
        cards::version(&*self.connections, agent, card_id).await
    }

    async fn cards_named(&self, card_id: &str, limit: u32) -> Result<Vec<CardRow>, StoreError> {
        cards::named(&*self.connections, card_id, limit).await
    }

    async fn sessions(&self, agent: AgentId, limit: u32) -> Result<Vec<SessionRow>, StoreError> {
        agents::sessions(&*self.connections, agent, limit).await
    }

    async fn streams(&self, agent: AgentId) -> Result<Vec<StreamRow>, StoreError> {
        agents::streams(&*self.connections, agent).await
    }

    async fn equivocations(&self, agent: AgentId) -> Result<Vec<Equivocation>, StoreError> {
        agents::equivocations(&*self.connections, agent).await
    }

    async fn stats(
        &self,
        filter: &Filter,
        bucket_ms: i64,
        now: Timestamp,
    ) -> Result<Stats, StoreError> {
        stats::stats(&*self.connections, filter, bucket_ms, now, Counts::All).await
    }

    async fn over_time(
        &self,
        filter: &Filter,
        bucket_ms: i64,
        now: Timestamp,
    ) -> Result<Stats, StoreError> {
        stats::stats(&*self.connections, filter, bucket_ms, now, Counts::OverTime).await
    }

    async fn most_active(
        &self,
        filter: &Filter,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<ActiveAgent>, StoreError> {
        active::most_active(&*self.connections, filter, limit, now).await
    }

    async fn facets(&self, filter: &Filter, now: Timestamp) -> Result<Facets, StoreError> {
        facets::facets(&*self.connections, filter, now).await
    }

    async fn longest(&self, filter: &Filter, limit: u32) -> Result<Longest, StoreError> {
        slim::longest(&*self.connections, filter, limit).await
    }

    async fn session_calls(
        &self,
        agent: AgentId,
        session: &str,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<SlimCall>, StoreError> {
        slim::session_calls(&*self.connections, agent, session, after, limit).await
    }

    async fn links(
        &self,
        agent: AgentId,
        stream: StreamId,
        after_seq: u64,
        limit: u32,
    ) -> Result<Vec<LinkRow>, StoreError> {
        slim::links(&*self.connections, agent, stream, after_seq, limit).await
    }

    /// Both roles must answer.
    async fn ready(&self) -> Result<(), StoreError> {
        for role in [Role::Reader, Role::Writer] {
            let sql = "SELECT public.schema_version()";
            rows_as(&*self.connections, role, Transaction::Ready, sql, &[]).await?;
        }
        Ok(())
    }
}
