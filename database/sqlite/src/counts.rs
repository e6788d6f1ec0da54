//! Counters, added up over a batch and written once at its end.

use std::collections::HashMap;

use aap::submission::Facts;
use aap::{ActionType, AgentId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Result, params};
use trace_store::histogram::Histogram;
use trace_store::receipt::distinct;
use trace_store::span::span_of;

use crate::rows::{action_code, id_bytes};

/// What a trace adds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    /// All of it is new.
    New,
    /// Its header was counted before; now its content is here.
    Filled,
}

/// Traces, and how many of them were refused, failed and signed.
#[derive(Default)]
struct Sums {
    traces: i64,
    denied: i64,
    errors: i64,
    signed: i64,
}

impl Sums {
    fn add(&mut self, action_type: ActionType, signed: bool) {
        self.traces += 1;
        self.denied += i64::from(action_type == ActionType::Deny);
        self.errors += i64::from(action_type == ActionType::Error);
        self.signed += i64::from(signed);
    }
}

struct Session<'a> {
    key: i64,
    sums: Sums,
    first: i64,
    last: i64,
    runtime: Option<&'a str>,
}

struct Rule<'a> {
    /// Refusals whose header is new.
    count: i64,
    last: i64,
    reason: Option<&'a str>,
}

/// Agent, span and tool: what counts are kept by.
type By<'a> = (i64, i64, &'a str);

#[derive(Default)]
pub(crate) struct Counts<'a> {
    keys: HashMap<AgentId, i64>,
    agents: HashMap<i64, Sums>,
    proven: Option<(i64, String)>,
    sessions: HashMap<(i64, &'a str), Session<'a>>,
    spans: HashMap<(By<'a>, i64), (i64, Histogram)>,
    rules: HashMap<(By<'a>, &'a str), Rule<'a>>,
    values: HashMap<(By<'a>, &'a str), i64>,
}

/// The key of an agent, who is added if he is new.
pub(crate) fn agent_key(tx: &Connection, agent: AgentId, now: Timestamp) -> Result<i64> {
    let known = tx
        .prepare_cached("SELECT agent FROM agents WHERE agent_id = ?1")?
        .query_row([id_bytes(&agent.uuid())], |row| row.get(0))
        .optional()?;
    if let Some(key) = known {
        return Ok(key);
    }
    tx.prepare_cached("INSERT INTO agents (agent_id, first_seen, last_seen) VALUES (?1, ?2, ?2)")?
        .execute(params![id_bytes(&agent.uuid()), now.millis()])?;
    Ok(tx.last_insert_rowid())
}

impl<'a> Counts<'a> {
    /// The key of an agent, who is added if he is new.
    pub(crate) fn agent(&mut self, tx: &Connection, agent: AgentId, now: Timestamp) -> Result<i64> {
        if let Some(key) = self.keys.get(&agent) {
            return Ok(*key);
        }
        let key = agent_key(tx, agent, now)?;
        self.keys.insert(agent, key);
        Ok(key)
    }

    /// A note of this agent was proven by this key, in base64.
    pub(crate) fn prove(&mut self, agent: i64, public_key: String) {
        self.proven = Some((agent, public_key));
    }

    /// The key of an agent's session, which is added if it is new.
    pub(crate) fn session(
        &mut self,
        tx: &Connection,
        agent: i64,
        session_id: &'a str,
    ) -> Result<i64> {
        if let Some(session) = self.sessions.get(&(agent, session_id)) {
            return Ok(session.key);
        }
        let known = tx
            .prepare_cached("SELECT session FROM sessions WHERE session_id = ?1 AND agent = ?2")?
            .query_row(params![session_id, agent], |row| row.get(0))
            .optional()?;
        let key = if let Some(key) = known {
            key
        } else {
            tx.prepare_cached(
                "INSERT INTO sessions (agent, session_id, first, last, traces, denied, errors) \
                 VALUES (?1, ?2, ?3, ?4, 0, 0, 0)",
            )?
            // No time yet: the trace that asks may turn out to be known under another one than it comes with.
            .execute(params![agent, session_id, i64::MAX, i64::MIN])?;
            tx.last_insert_rowid()
        };
        let session = Session {
            key,
            sums: Sums::default(),
            first: i64::MAX,
            last: i64::MIN,
            runtime: None,
        };
        self.sessions.insert((agent, session_id), session);
        Ok(key)
    }

    /// Counts a trace that was stored under the time `at`.
    pub(crate) fn add(
        &mut self,
        agent: i64,
        at: i64,
        facts: &'a Facts,
        signed: bool,
        counted: Counted,
    ) {
        let new = i64::from(counted == Counted::New);
        let denied = facts.action_type == ActionType::Deny;
        if counted == Counted::New {
            let sums = self.agents.entry(agent).or_default();
            sums.add(facts.action_type, signed);
        }
        // A header names no session: the trace joins it when its content comes.
        let session = facts.session_id.as_deref().map(|id| (agent, id));
        if let Some(session) = session.and_then(|id| self.sessions.get_mut(&id)) {
            session.sums.add(facts.action_type, signed);
            session.first = session.first.min(at);
            if at >= session.last {
                session.last = at;
                session.runtime = facts.runtime.as_deref().or(session.runtime);
            }
        }
        let by = (agent, span_of(at), facts.tool_name.as_str());
        let span = self
            .spans
            .entry((by, action_code(facts.action_type)))
            .or_default();
        span.0 += new;
        if let Some(duration) = facts.duration_ms.filter(|_| !denied) {
            span.1.add(duration);
        }
        if !denied {
            return;
        }
        let rule = facts.rule_id.as_deref().unwrap_or_default();
        let reason = facts.reason.as_deref();
        let rule = self.rules.entry((by, rule)).or_insert(Rule {
            count: 0,
            last: i64::MIN,
            reason: None,
        });
        rule.count += new;
        if at >= rule.last {
            rule.last = at;
            rule.reason = reason.or(rule.reason);
        }
        for value in distinct(&facts.values_violated) {
            *self.values.entry((by, value)).or_default() += 1;
        }
    }

    /// Writes everything.
    pub(crate) fn save(self, tx: &Connection, now: Timestamp) -> Result<()> {
        for (agent, sums) in &self.agents {
            tx.prepare_cached(
                "UPDATE agents SET last_seen = max(last_seen, ?2), traces = traces + ?3, denied = denied + ?4, \
                 errors = errors + ?5, signed = signed + ?6 WHERE agent = ?1",
            )?
            .execute(params![
                agent,
                now.millis(),
                sums.traces,
                sums.denied,
                sums.errors,
                sums.signed
            ])?;
        }
        if let Some((agent, public_key)) = &self.proven {
            tx.prepare_cached(
                "UPDATE agents SET public_key = ?2 WHERE agent = ?1 AND public_key IS NULL",
            )?
            .execute(params![agent, public_key])?;
        }
        for session in self.sessions.values() {
            session.save(tx)?;
        }
        for (((agent, start, tool), action), (count, durations)) in self.spans {
            save_span(tx, (agent, start, tool), action, count, durations)?;
        }
        for (((agent, start, tool), rule_id), rule) in &self.rules {
            tx.prepare_cached(
                "INSERT INTO rule_spans (agent, start, tool, rule_id, count, last, reason) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET count = count + excluded.count, \
                 reason = CASE WHEN excluded.last >= last THEN coalesce(excluded.reason, reason) \
                 ELSE coalesce(reason, excluded.reason) END, last = max(last, excluded.last)",
            )?
            .execute(params![
                agent,
                start,
                tool,
                rule_id,
                rule.count,
                rule.last,
                rule.reason
            ])?;
        }
        for (((agent, start, tool), value), count) in &self.values {
            tx.prepare_cached(
                "INSERT INTO value_spans (agent, start, tool, value, count) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT DO UPDATE SET count = count + excluded.count",
            )?
            .execute(params![agent, start, tool, value, count])?;
        }
        Ok(())
    }
}

impl Session<'_> {
    fn save(&self, tx: &Connection) -> Result<()> {
        if self.sums.traces == 0 {
            // Only duplicates or conflicts named it. If it was made for them, it goes again.
            tx.prepare_cached("DELETE FROM sessions WHERE session = ?1 AND traces = 0")?
                .execute([self.key])?;
            return Ok(());
        }
        tx.prepare_cached(
            "UPDATE sessions SET runtime = CASE WHEN ?3 >= last THEN coalesce(?7, runtime) \
             ELSE coalesce(runtime, ?7) END, first = min(first, ?2), last = max(last, ?3), traces = traces + ?4, \
             denied = denied + ?5, errors = errors + ?6 WHERE session = ?1",
        )?
        .execute(params![
            self.key,
            self.first,
            self.last,
            self.sums.traces,
            self.sums.denied,
            self.sums.errors,
            self.runtime
        ])?;
        Ok(())
    }
}

fn save_span(
    tx: &Connection,
    (agent, start, tool): By<'_>,
    action: i64,
    count: i64,
    mut durations: Histogram,
) -> Result<()> {
    let known: Option<Vec<u8>> = tx
        .prepare_cached(
            "SELECT durations FROM spans WHERE agent = ?1 AND start = ?2 AND tool = ?3 AND action_type = ?4",
        )?
        .query_row(params![agent, start, tool, action], |row| row.get(0))
        .optional()?;
    durations.add_bytes(&known.unwrap_or_default());
    tx.prepare_cached(
        "INSERT INTO spans (agent, start, tool, action_type, count, durations) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT DO UPDATE SET count = count + excluded.count, durations = excluded.durations",
    )?
    .execute(params![agent, start, tool, action, count, durations.to_bytes()])?;
    Ok(())
}
