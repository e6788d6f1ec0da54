//! From a filter to SQL. Every value goes in as a parameter; only words of our own stand in the text.

use std::fmt::Write as _;

use aap::trace::GAP_TOOL;
use aap::{ActionType, Timestamp};
use tokio_postgres::types::Type;
use trace_store::filter::MAX_Q_BYTES;
use trace_store::{Cursor, Direction, Filter, StoreError};

use crate::ask::{Transaction, rows};
use crate::connections::Connections;
use crate::rows::{action_word, get};
use crate::values::Value;
use uuid::Uuid;

/// Terms of a WHERE, and the parameters of the whole statement.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Terms {
    /// What an index answers; names `traces t`.
    pub(crate) indexed: String,
    /// What each row must be looked at for; the same names.
    pub(crate) looked_at: String,
    pub(crate) params: Vec<Value>,
}

impl Terms {
    /// A parameter; answers how the text names it.
    pub(crate) fn bind(&mut self, value: Value) -> String {
        self.params.push(value);
        format!("${}", self.params.len())
    }

    fn indexed(&mut self, column: &str, value: Value) {
        let param = self.bind(value);
        let _ = write!(self.indexed, " AND {column} {param}");
    }

    fn look_at(&mut self, column: &str, value: Value) {
        let param = self.bind(value);
        let _ = write!(self.looked_at, " AND {column} {param}");
    }

    /// Rows from this time on, and before that one.
    pub(crate) fn within(&mut self, since: Option<Timestamp>, until: Option<Timestamp>) {
        if let Some(since) = since {
            self.indexed("t.at >=", Value::Time(since));
        }
        if let Some(until) = until {
            self.indexed("t.at <", Value::Time(until));
        }
    }

    /// Rows beyond this one, on the way in `direction`. The bound of the time alone is what partitions are left out by.
    pub(crate) fn beyond(&mut self, cursor: Cursor, direction: Direction) {
        let compared = match direction {
            Direction::Older => '<',
            Direction::Newer => '>',
        };
        let at = self.bind(Value::Time(cursor.at));
        let id = self.bind(Value::Id(cursor.trace_id.uuid()));
        let _ = write!(
            self.indexed,
            " AND t.at {compared}= {at} AND (t.at, t.trace_id) {compared} ({at}, {id})"
        );
    }

    /// All of it as a WHERE.
    pub(crate) fn all(&self) -> String {
        format!("WHERE true{}{}", self.indexed, self.looked_at)
    }

    /// For rows in their order. None when nothing can fit: Postgres holds no text with a NUL in it, and takes none as a
    /// parameter; or nobody has such a session.
    pub(crate) async fn of<C: Connections>(
        connections: &C,
        filter: &Filter,
    ) -> Result<Option<Self>, StoreError> {
        let Some(mut terms) = Self::whose(filter) else {
            return Ok(None);
        };
        if let (Some(session), None) = (&filter.session_id, filter.agent_id) {
            let of = |session: &String| Value::Text(session.clone());
            match agents_of(connections, session).await?.as_slice() {
                [] => return Ok(None),
                [agent] => {
                    terms.indexed("t.agent_id =", Value::Id(*agent));
                    terms.indexed("t.session_id =", of(session));
                }
                // Some runtimes call every session the same: rows are looked at in order rather than sorted.
                _ => terms.look_at("t.session_id =", of(session)),
            }
        }
        terms.add(filter)?;
        Ok(Some(terms))
    }

    /// For rows in any order, as counting takes them; else the same.
    pub(crate) fn of_any_order(filter: &Filter) -> Result<Option<Self>, StoreError> {
        let Some(mut terms) = Self::whose(filter) else {
            return Ok(None);
        };
        if let (Some(session), None) = (&filter.session_id, filter.agent_id) {
            let session = terms.bind(Value::Text(session.clone()));
            let _ = write!(
                terms.indexed,
                " AND t.session_id = {session} AND t.agent_id IN \
                 (SELECT s.agent_id FROM public.sessions s WHERE s.session_id = {session})"
            );
        }
        terms.add(filter)?;
        Ok(Some(terms))
    }

    /// The agent, and its session.
    fn whose(filter: &Filter) -> Option<Self> {
        let texts = [
            &filter.tool,
            &filter.session_id,
            &filter.value,
            &filter.rule_id,
            &filter.runtime,
        ];
        if texts.into_iter().flatten().any(|text| text.contains('\0')) {
            return None;
        }
        let mut terms = Self::default();
        if let Some(agent) = filter.agent_id {
            terms.indexed("t.agent_id =", Value::Id(agent.uuid()));
            if let Some(session) = &filter.session_id {
                terms.indexed("t.session_id =", Value::Text(session.clone()));
            }
        }
        Some(terms)
    }

    /// Everything else.
    fn add(&mut self, filter: &Filter) -> Result<(), StoreError> {
        match filter.action_type {
            None => {}
            Some(ActionType::Allow) => self.looked_at.push_str(" AND t.action_type = 'allow'"),
            // Spelled out, so that Postgres sees that the partial indexes fit. Within a session there are few rows.
            Some(rare) if filter.session_id.is_none() => {
                let _ = write!(self.indexed, " AND t.action_type = '{}'", action_word(rare));
            }
            Some(rare) => {
                let _ = write!(
                    self.looked_at,
                    " AND t.action_type = '{}'",
                    action_word(rare)
                );
            }
        }
        self.within(filter.since, filter.until);
        if filter.agent_id.is_some() && filter.tool.as_deref() == Some(GAP_TOOL) {
            // Spelled out, so that Postgres sees that the partial index fits.
            let _ = write!(self.indexed, " AND t.tool_name = '{GAP_TOOL}'");
        } else if let Some(tool) = &filter.tool {
            self.look_at("t.tool_name =", Value::Text(tool.clone()));
        }
        if let Some(rule) = &filter.rule_id {
            self.look_at("t.rule_id =", Value::Text(rule.clone()));
        }
        if let Some(runtime) = &filter.runtime {
            self.look_at("t.runtime =", Value::Text(runtime.clone()));
        }
        if let Some(value) = &filter.value {
            let value = self.bind(Value::Text(value.clone()));
            let _ = write!(self.looked_at, " AND {value} = ANY (t.values_violated)");
        }
        if let Some(q) = &filter.q {
            self.search(q)?;
        }
        Ok(())
    }

    fn search(&mut self, q: &str) -> Result<(), StoreError> {
        if q.len() > MAX_Q_BYTES {
            return Err(StoreError::Failed(format!(
                "q has {} bytes; the limit is {MAX_Q_BYTES}",
                q.len()
            )));
        }
        // A document is JSON text: what is looked for stands in it as JSON writes it, with quotes escaped.
        let written = serde_json::to_string(q).unwrap_or_default();
        let written = written.trim_start_matches('"');
        let written = written.strip_suffix('"').unwrap_or(written);
        let document = self.bind(Value::Text(written.to_ascii_lowercase()));
        // In the collation "C" `lower` knows ASCII only, and texts are compared byte by byte.
        let holds =
            |text: &str, param: &str| format!("strpos(lower({text} COLLATE \"C\"), {param}) > 0");
        let mut terms = vec![holds("t.document::text", &document)];
        if !q.contains('\0') {
            let text = self.bind(Value::Text(q.to_ascii_lowercase()));
            terms.push(holds("t.tool_name", &text));
            terms.push(holds("t.reason", &text));
        }
        let _ = write!(self.looked_at, " AND ({})", terms.join(" OR "));
        Ok(())
    }
}

/// Whose sessions have this id, two agents at most.
async fn agents_of<C: Connections>(
    connections: &C,
    session: &str,
) -> Result<Vec<Uuid>, StoreError> {
    let sql = "SELECT agent_id FROM public.sessions WHERE session_id = $1 LIMIT 2";
    let found = rows(
        connections,
        Transaction::SessionAgents,
        sql,
        &[(&session, Type::TEXT)],
    )
    .await?;
    found.iter().map(|row| get(row, 0)).collect()
}
