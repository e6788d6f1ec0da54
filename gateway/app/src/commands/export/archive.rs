//! An archive: documents first, for they say whose chains are needed; then the chains, which say whether a document is missing.
//!
//! Documents wait in a file without a name, so that memory does not grow with them. What comes in between asking for documents
//! and asking for links is asked for one by one: the archive is whole for the moment at which its links were read.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Seek as _, Write};

use aap::archive::{
    Absence, Agent, Card, Document, FORMAT, Manifest, Missing, SecondContent, Selection, Writer,
};
use aap::chain::Digest;
use aap::limits::MAX_PAGE;
use aap::{AgentId, StreamId, TraceId, paths};
use anyhow::Context as _;
use reqwest::{Client, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use trace_plugin::clock;

use super::chain::{self, Places};
use super::{piece, query};
use crate::http;

/// A line of the edge's NDJSON, and a trace as it shows one.
#[derive(Deserialize)]
struct Row {
    id: TraceId,
    agent_id: AgentId,
    stream: Option<StreamId>,
    seq: Option<u64>,
    held_back: bool,
    trace: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct AgentRow {
    public_key: Option<String>,
    card_id: Option<String>,
}

/// The newest of an agent's cards.
#[derive(Deserialize)]
struct Cards {
    cards: Vec<CardName>,
}

#[derive(Deserialize)]
struct CardName {
    card_id: String,
}

/// What of a document says which card judged it.
#[derive(Deserialize)]
struct Judged {
    card_id: Option<String>,
}

#[derive(Deserialize)]
struct Equivocations {
    equivocations: Vec<Equivocation>,
}

#[derive(Deserialize)]
struct Equivocation {
    stream: StreamId,
    seq: u64,
    second_digest: Digest,
    second_note: String,
}

/// Who is asked.
pub(super) struct Edge<'a> {
    client: &'a Client,
    base: &'a str,
}

impl Edge<'_> {
    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> anyhow::Result<T> {
        let answer = http::get_patiently(self.client, self.base, path, query).await?;
        let text = answer.text().await.map_err(reqwest::Error::without_url)?;
        serde_json::from_str(&text).with_context(|| {
            format!(
                "what answers at {} is not an edge of this version",
                self.base
            )
        })
    }
}

/// Rows that were selected, on disk, and whose chains they need.
struct Selected {
    file: BufWriter<File>,
    agents: BTreeSet<AgentId>,
    /// The cards that they name.
    cards: HashSet<(AgentId, String)>,
    places: Places,
}

impl Selected {
    fn take(&mut self, line: &[u8]) -> anyhow::Result<()> {
        let row: Row = serde_json::from_slice(line)?;
        self.agents.insert(row.agent_id);
        if let (Some(stream), Some(seq)) = (row.stream, row.seq) {
            self.places.answered.insert((stream, seq));
        }
        if let Some(document) = &row.trace {
            let judged: Judged = serde_json::from_str(document.get())?;
            let card = judged.card_id.map(|card| (row.agent_id, card));
            self.cards.extend(card);
        }
        self.file.write_all(line)?;
        self.file.write_all(b"\n")?;
        Ok(())
    }
}

/// Writes the archive of what is selected.
pub(super) async fn write(
    client: &Client,
    base: &str,
    selection: &Selection,
    to: impl Write,
) -> anyhow::Result<()> {
    let edge = Edge { client, base };
    let mut selected = select(&edge, selection).await?;
    if let Some(agent) = selection.get("agent_id").and_then(|id| id.parse().ok()) {
        // Its chain shows that there is nothing, if there is nothing.
        selected.agents.insert(agent);
    }
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        source: base.to_owned(),
        exported_at: clock::now(),
        selection: selection.clone(),
    };
    let mut archive = Writer::begin(to, &manifest)?;
    let mut places = selected.places;
    for agent in selected.agents {
        one(&edge, agent, &selected.cards, &mut archive).await?;
        chain::all(&edge, agent, selection, &mut places, &mut archive).await?;
        equivocations(&edge, agent, &mut archive).await?;
    }
    documents(selected.file, &places, &mut archive)?;
    for id in &places.late {
        let row = edge.json(&format!("{}/{id}", paths::TRACES), &[]).await?;
        content(&row, &places, &mut archive)?;
    }
    archive.end()?;
    Ok(())
}

/// Asks for what is selected.
async fn select(edge: &Edge<'_>, selection: &Selection) -> anyhow::Result<Selected> {
    let file = tempfile::tempfile().context("no temporary file can be made; TMPDIR says where")?;
    let mut selected = Selected {
        file: BufWriter::new(file),
        agents: BTreeSet::new(),
        cards: HashSet::new(),
        places: Places::default(),
    };
    let query = query(selection, "ndjson");
    let mut answer = http::get_patiently(edge.client, edge.base, paths::EXPORT, &query).await?;
    let mut rest = Vec::new();
    while let Some(piece) = piece(&mut answer, edge.base).await? {
        rest.extend_from_slice(&piece);
        let mut begin = 0;
        while let Some(end) = rest[begin..].iter().position(|byte| *byte == b'\n') {
            selected
                .take(&rest[begin..begin + end])
                .with_context(|| format!("what answers at {} is not an edge", edge.base))?;
            begin += end + 1;
        }
        rest.drain(..begin);
    }
    anyhow::ensure!(
        rest.is_empty(),
        "the edge at {} broke the export off",
        edge.base
    );
    Ok(selected)
}

/// An agent, with its card in force and those of its cards that are `named`.
async fn one(
    edge: &Edge<'_>,
    agent_id: AgentId,
    named: &HashSet<(AgentId, String)>,
    archive: &mut Writer<impl Write>,
) -> anyhow::Result<()> {
    let path = format!("{}/{agent_id}", paths::AGENTS);
    let row: AgentRow = edge.json(&path, &[]).await?;
    archive.line(&Agent {
        agent_id,
        public_key: row.public_key,
    })?;
    let Some(in_force) = row.card_id else {
        return Ok(());
    };
    let signed_card: Value = edge.json(&paths::card(agent_id), &[]).await?;
    archive.line(&Card {
        agent_id,
        signed_card,
    })?;
    // Only what is listed is asked for: a trace can name any card. One that is further back than a page is told by `verify` to
    // be missing.
    let (path, most) = (paths::cards(agent_id), MAX_PAGE.to_string());
    let listed: Cards = edge.json(&path, &[("limit", &most)]).await?;
    let versions = listed.cards.into_iter().map(|card| card.card_id);
    for card in versions.filter(|card| *card != in_force) {
        let Some(path) = within(&path, &card) else {
            continue;
        };
        if named.contains(&(agent_id, card)) {
            let signed_card: Value = edge.json(&path, &[]).await?;
            archive.line(&Card {
                agent_id,
                signed_card,
            })?;
        }
    }
    Ok(())
}

/// The path of `name` below `path`; none where a name cannot stand in a path (`.` and `..` are steps there).
fn within(path: &str, name: &str) -> Option<String> {
    let mut url = Url::parse("http://localhost").ok()?.join(path).ok()?;
    url.path_segments_mut().ok()?.push(name);
    (!matches!(name, "" | "." | "..")).then(|| url.path().to_owned())
}

/// What the edge has seen an agent say twice.
async fn equivocations(
    edge: &Edge<'_>,
    agent_id: AgentId,
    archive: &mut Writer<impl Write>,
) -> anyhow::Result<()> {
    let path = format!("{}/{agent_id}/equivocations", paths::AGENTS);
    let seen: Equivocations = edge.json(&path, &[]).await?;
    for second in seen.equivocations {
        archive.line(&SecondContent {
            agent_id,
            stream: second.stream,
            seq: second.seq,
            second_digest: second.second_digest,
            second_note: second.second_note,
        })?;
    }
    Ok(())
}

/// The rows that were selected, each as its document or as what is said of its absence.
fn documents(
    rows: BufWriter<File>,
    places: &Places,
    archive: &mut Writer<impl Write>,
) -> anyhow::Result<()> {
    let mut file = rows
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)?;
    file.rewind()?;
    let mut file = BufReader::new(file);
    let mut line = Vec::new();
    while file.read_until(b'\n', &mut line)? > 0 {
        content(&serde_json::from_slice(&line)?, places, archive)?;
        line.clear();
    }
    Ok(())
}

fn content(row: &Row, places: &Places, archive: &mut Writer<impl Write>) -> anyhow::Result<()> {
    let dropped = row.stream.zip(row.seq);
    let why = match &row.trace {
        _ if dropped.is_some_and(|(stream, seq)| places.are_dropped(stream, seq)) => {
            Absence::Dropped
        }
        Some(document) => return Ok(archive.line(&Document { document })?),
        None if row.held_back => Absence::HeldBack,
        None => Absence::Erased,
    };
    archive.line(&Missing {
        trace_id: row.id,
        stream: row.stream,
        seq: row.seq,
        why,
    })?;
    Ok(())
}
