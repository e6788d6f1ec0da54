//! The suite of the ports once more, with every write as a call by name: what a Worker and `PostgREST` do.

#![cfg(feature = "pool")]

mod support;

use aap::card::SignedCard;
use aap::{AgentId, StreamId, Timestamp, TraceId, ValidBatch};
use support::{Alone, Store};
use trace_store::{
    ActiveAgent, AgentRow, Appended, CardRow, CardTaken, CardVersion, Cursor, Equivocation, Facets,
    Filter, LinkRow, Longest, Page, PageRequest, Receipt, SessionRow, SlimCall, Stats, StoreError,
    StreamRow, TraceDetail, TraceReader, TraceRow, TraceWriter,
};
use trace_store_postgres::rpc::{self, Function, Refused, Rpc};

/// Calls over the store's own connections.
struct Calls(Store);

impl Rpc for Calls {
    async fn call(
        &self,
        function: Function,
        _agent: AgentId,
        arguments: String,
    ) -> Result<String, Refused> {
        rpc::serve(self.0.connections(), function, &arguments).await
    }
}

/// Writes by call, reads as ever.
struct ByCall {
    calls: Calls,
    reads: Store,
}

async fn empty() -> (ByCall, Alone) {
    let (store, alone) = support::alone().await;
    let reads = store.clone();
    let calls = Calls(store);
    (ByCall { calls, reads }, alone)
}

impl TraceWriter for ByCall {
    async fn append(
        &self,
        batch: ValidBatch,
        receipt: impl Into<Receipt> + Send,
    ) -> Result<Vec<Appended>, StoreError> {
        rpc::append(&self.calls, &batch, receipt.into()).await
    }

    async fn put_card(&self, card: SignedCard, now: Timestamp) -> Result<CardTaken, StoreError> {
        let heads = rpc::put_card(&self.calls, &card, now).await?;
        Ok(CardTaken::stored(heads))
    }
}

macro_rules! reads_as_ever {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)+) => {
        impl TraceReader for ByCall {
            $(async fn $name(&self, $($argument: $kind),*) -> Result<$answer, StoreError> {
                self.reads.$name($($argument),*).await
            })+
        }
    };
}

reads_as_ever! {
    traces(filter: &Filter, page: PageRequest) -> Page<TraceRow>;
    documents(filter: &Filter, page: PageRequest) -> Page<TraceDetail>;
    received_after(position: i64, filter: &Filter, limit: u32) -> Vec<TraceRow>;
    last_position() -> i64;
    trace(id: TraceId) -> Option<TraceDetail>;
    agent(id: AgentId) -> Option<AgentRow>;
    agents(limit: u32) -> Vec<AgentRow>;
    card(agent: AgentId) -> Option<CardRow>;
    cards(agents: &[AgentId]) -> Vec<CardRow>;
    card_versions(agent: AgentId, limit: u32) -> Vec<CardVersion>;
    card_version(agent: AgentId, card_id: &str) -> Option<CardRow>;
    cards_named(card_id: &str, limit: u32) -> Vec<CardRow>;
    sessions(agent: AgentId, limit: u32) -> Vec<SessionRow>;
    streams(agent: AgentId) -> Vec<StreamRow>;
    equivocations(agent: AgentId) -> Vec<Equivocation>;
    stats(filter: &Filter, bucket_ms: i64, now: Timestamp) -> Stats;
    most_active(filter: &Filter, limit: u32, now: Timestamp) -> Vec<ActiveAgent>;
    facets(filter: &Filter, now: Timestamp) -> Facets;
    longest(filter: &Filter, limit: u32) -> Longest;
    session_calls(agent: AgentId, session: &str, after: Option<Cursor>, limit: u32) -> Page<SlimCall>;
    links(agent: AgentId, stream: StreamId, after_seq: u64, limit: u32) -> Vec<LinkRow>;
    ready() -> ();
}

trace_store::conformance!(empty);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_schema_tells_its_version() {
    let (store, _alone) = empty().await;
    let told = rpc::serve(store.reads.connections(), Function::SchemaVersion, "{}").await;
    let version = trace_store_postgres::schema::VERSION.to_string();
    assert_eq!(told.unwrap(), version);
}

/// A call that had to wait is made later, in two halves as well as whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_can_be_made_later_and_in_halves() {
    use trace_store::conformance::{flat, flat_batch, now};
    let (store, _alone) = empty().await;
    let traces: Vec<_> = (1..=7).map(|id| flat(1, id, 0, "ok")).collect();
    let batch = flat_batch(&traces);
    let ids: Vec<_> = batch
        .traces()
        .iter()
        .map(|one| one.facts().trace_id)
        .collect();
    let arguments = rpc::append_arguments(&batch, now(5).into()).unwrap();
    let (first, second) = rpc::halves(&arguments).unwrap();
    for half in [&first, &second, &arguments] {
        let told = rpc::serve(store.reads.connections(), Function::AppendBatch, half).await;
        assert!(told.unwrap().contains("position"));
    }
    for id in ids {
        let stored = store.reads.trace(id).await.unwrap().unwrap();
        assert_eq!(stored.row.received_at, now(5));
    }
    let agent = batch.traces()[0].facts().agent_id;
    assert_eq!(store.reads.agent(agent).await.unwrap().unwrap().traces, 7);
    assert_eq!(rpc::halves(r#"{"trace_ids":["one"]}"#), None);
    assert_eq!(rpc::halves("no call"), None);
}
