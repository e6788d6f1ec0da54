//! What the edge has of a session: hooks recorded it when it happened, or it was imported into a spool that is gone.

use std::collections::{HashMap, HashSet};

use anyhow::Context as _;
use reqwest::Client;
use serde_json::Value;
use tokio::runtime::Runtime;
use trace_plugin::import::Past;

use crate::agent::{self, Agent};
use crate::http;

/// Sessions that are remembered: files hold one each, as a rule.
const MAX_SESSIONS: usize = 16;
/// Traces of one page.
const PAGE: &str = "500";

/// The edge's own knowledge, session by session.
pub(super) struct Recorded {
    /// None while this agent has never shipped anything: then there is nothing to ask for.
    edge: Option<(Runtime, Client, String)>,
    agent: String,
    sessions: HashMap<String, HashSet<String>>,
}

impl Recorded {
    pub(super) fn new(agent: &Agent, shipped: bool) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("no runtime")?;
        let client = http::client(agent.config.timeout)?;
        let base = agent::api_url(&agent.config);
        Ok(Self {
            edge: shipped.then_some((runtime, client, base)),
            agent: agent.identity.agent_id().to_string(),
            sessions: HashMap::new(),
        })
    }

    /// Whether the edge has the call.
    pub(super) fn has(&mut self, past: &Past) -> anyhow::Result<bool> {
        let (Some(session), Some(call)) = (&past.call.session_id, &past.call.call_id) else {
            return Ok(false);
        };
        if !self.sessions.contains_key(session) {
            let calls = self.asked(session)?;
            if self.sessions.len() == MAX_SESSIONS {
                self.sessions.clear();
            }
            self.sessions.insert(session.clone(), calls);
        }
        Ok(self.sessions[session].contains(call))
    }

    fn asked(&self, session: &str) -> anyhow::Result<HashSet<String>> {
        let Some((runtime, client, base)) = &self.edge else {
            return Ok(HashSet::new());
        };
        let pages = async {
            let mut calls = HashSet::new();
            let mut cursor = None;
            loop {
                let mut query = vec![
                    ("agent_id", self.agent.as_str()),
                    ("session_id", session),
                    ("limit", PAGE),
                ];
                query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
                let page = http::get_patiently(client, base, aap::paths::TRACES, &query).await?;
                let page: Value = serde_json::from_str(&page.text().await?)?;
                for trace in page["traces"].as_array().into_iter().flatten() {
                    let call = trace["metadata"]["tool_call_id"].as_str();
                    calls.extend(call.map(str::to_owned));
                }
                match page["next_cursor"].as_str() {
                    Some(next) => cursor = Some(next.to_owned()),
                    None => return anyhow::Ok(calls),
                }
            }
        };
        runtime
            .block_on(pages)
            .context("the edge is asked what it has, so that nothing is told twice")
    }
}
