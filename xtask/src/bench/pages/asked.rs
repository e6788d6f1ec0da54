//! What is asked for: each page, and each aggregate under each part of a filter.

use anyhow::{Context, Result, ensure};
use test_cluster::Programs;

use crate::command::Line;

/// What the database holds that addresses name.
pub(super) struct Subject {
    agent: String,
    trace: String,
    session: String,
    /// 30 days before now, as the API takes it.
    since: String,
}

impl Subject {
    /// Looks it up: the agent with the most traces, and the newest of its refusals and sessions.
    pub(super) fn find(url: &str) -> Result<Self> {
        let found = psql(
            url,
            "SELECT a.agent_id, \
               (SELECT trace_id FROM traces t WHERE t.agent_id = a.agent_id AND action_type = 'deny' ORDER BY at DESC LIMIT 1), \
               (SELECT session_id FROM sessions s WHERE s.agent_id = a.agent_id ORDER BY last DESC LIMIT 1), \
               to_char((now() - interval '30 days') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') \
             FROM agents a ORDER BY traces DESC LIMIT 1",
        )?;
        let fields: Vec<&str> = found.trim().split('|').collect();
        let [agent, trace, session, since] = fields[..] else {
            anyhow::bail!("the database is not filled: {found}");
        };
        ensure!(!trace.is_empty(), "agent {agent} was refused nothing");
        Ok(Self {
            agent: agent.to_owned(),
            trace: trace.to_owned(),
            session: session.to_owned(),
            since: since.to_owned(),
        })
    }

    /// Names and paths.
    pub(super) fn addresses(&self) -> Vec<(String, String)> {
        let Self {
            agent,
            trace,
            session,
            since,
        } = self;
        let mut all: Vec<(String, String)> = Vec::new();
        let mut add = |name: &str, path: String| all.push((name.to_owned(), path));
        for (name, path) in [
            (
                "newest 50 of an agent",
                format!("/v1/traces?agent_id={agent}&limit=50"),
            ),
            ("page: home", "/".to_owned()),
            ("page: agent", format!("/agent/{agent}")),
            ("page: agent, 30 days", format!("/agent/{agent}?period=30d")),
            ("page: session", format!("/agent/{agent}/session/{session}")),
            ("page: trace", format!("/trace/{trace}")),
            ("page: traces", "/traces".to_owned()),
            ("page: traces, 30 days", "/traces?period=30d".to_owned()),
            (
                "page: traces of a tool",
                "/traces?period=30d&tool=exec".to_owned(),
            ),
            (
                "page: traces of a runtime",
                "/traces?period=30d&runtime=codex".to_owned(),
            ),
            (
                "page: traces of a value",
                "/traces?period=30d&value=privacy".to_owned(),
            ),
            (
                "page: traces of a session",
                format!("/traces?session={session}"),
            ),
            ("page: traces with a text", "/traces?q=nowhere".to_owned()),
            ("page: refusals", "/refusals".to_owned()),
            ("page: refusals, 30 days", "/refusals?period=30d".to_owned()),
            (
                "page: refusals of a rule",
                "/refusals?period=30d&rule=secret.read".to_owned(),
            ),
            ("page: about", "/about".to_owned()),
            ("badge", format!("/badge/{agent}.svg")),
            ("card", format!("/card/{agent}.svg")),
            ("embed", format!("/embed/{agent}")),
            ("picture", format!("/og/{agent}.png")),
            ("feed of refusals", "/feed/refusals.atom".to_owned()),
            ("feed of an agent", format!("/feed/agent/{agent}.json")),
            ("sitemap", "/sitemap.xml".to_owned()),
            ("v1: agent", format!("/v1/agents/{agent}")),
            ("v1: sessions", format!("/v1/agents/{agent}/sessions")),
            ("v1: integrity", format!("/v1/agents/{agent}/integrity")),
            ("v1: drift", format!("/v1/agents/{agent}/drift")),
            ("v1: streams", format!("/v1/agents/{agent}/streams")),
            (
                "v1: links",
                format!("/v1/agents/{agent}/links?stream={agent}&limit=500"),
            ),
            ("v1: refusals", "/v1/refusals".to_owned()),
            ("v1: longest", "/v1/traces?order=longest".to_owned()),
        ] {
            add(name, path);
        }
        for (what, filter) in [
            ("", String::new()),
            (" of an agent", format!("&agent_id={agent}")),
            (" of refusals", "&action_type=deny".to_owned()),
            (" of a tool", "&tool=exec".to_owned()),
            (" of a runtime", "&runtime=codex".to_owned()),
            (" of a rule", "&rule_id=secret.read".to_owned()),
            (" of a value", "&value=privacy".to_owned()),
            (
                " of a session",
                format!("&agent_id={agent}&session_id={session}"),
            ),
        ] {
            add(
                &format!("v1: stats, 30 days{what}"),
                format!("/v1/stats?since={since}&bucket_ms=57600000{filter}"),
            );
            add(
                &format!("v1: facets, 30 days{what}"),
                format!("/v1/facets?since={since}{filter}"),
            );
        }
        all
    }
}

/// What psql prints for `sql`, fields between bars.
fn psql(url: &str, sql: &str) -> Result<String> {
    let line = Line::new(Programs::find()?.path("psql"))
        .args([
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--command",
            sql,
        ])
        .arg(url);
    let output = line.command().output().context("could not start psql")?;
    ensure!(
        output.status.success(),
        "psql: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}
