//! From a filter to SQL. Every value goes in as a parameter.

use aap::trace::GAP_TOOL;
use aap::{ActionType, AgentId};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};
use trace_store::filter::MAX_Q_BYTES;
use trace_store::{Cursor, Direction, Filter};

use crate::readers::Fault;
use crate::rows::{JOIN_DOCUMENTS, action_code, id_bytes};

/// Terms of a WHERE with their parameters.
#[derive(Clone, Default)]
pub(crate) struct Terms {
    sql: String,
    pub(crate) params: Vec<Value>,
}

impl Terms {
    pub(crate) fn add(&mut self, term: &str, params: impl IntoIterator<Item = Value>) {
        self.sql.push_str(if self.sql.is_empty() {
            " WHERE "
        } else {
            " AND "
        });
        self.sql.push_str(term);
        self.params.extend(params);
    }

    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    pub(crate) fn and(mut self, other: &Self) -> Self {
        if let Some(terms) = other.sql.strip_prefix(" WHERE ") {
            self.add(terms, other.params.iter().cloned());
        }
        self
    }

    /// Rows beyond this one, on the way in `direction`.
    pub(crate) fn beyond(&mut self, cursor: Cursor, direction: Direction) {
        let term = match direction {
            Direction::Older => "(t.at, t.trace_id) < (?, ?)",
            Direction::Newer => "(t.at, t.trace_id) > (?, ?)",
        };
        self.add(term, cursor_params(cursor));
    }

    /// Rows up to this one, itself included, on the way in `direction`.
    pub(crate) fn up_to(&mut self, cursor: Cursor, direction: Direction) {
        let term = match direction {
            Direction::Older => "(t.at, t.trace_id) >= (?, ?)",
            Direction::Newer => "(t.at, t.trace_id) <= (?, ?)",
        };
        self.add(term, cursor_params(cursor));
    }
}

fn cursor_params(cursor: Cursor) -> [Value; 2] {
    [
        Value::from(cursor.at.millis()),
        Value::from(id_bytes(&cursor.trace_id.uuid()).to_vec()),
    ]
}

/// A filter with its agent and sessions looked up.
pub(crate) struct Source {
    /// The index that yields the rows in order.
    pub(crate) index: &'static str,
    pub(crate) agent: Option<i64>,
    /// What that index answers.
    pub(crate) indexed: Terms,
    /// What each row must be looked at for.
    pub(crate) looked_at: Terms,
    /// Whether documents are searched.
    pub(crate) documents: bool,
}

impl Source {
    /// None when the filter names an agent or session that nobody has heard of.
    pub(crate) fn of(tx: &Connection, filter: &Filter) -> Result<Option<Self>, Fault> {
        let mut indexed = Terms::default();
        let agent = match filter.agent_id {
            None => None,
            Some(id) => match agent_key(tx, id)? {
                None => return Ok(None),
                key => key,
            },
        };
        if let Some(agent) = agent {
            indexed.add("t.agent = ?", [agent.into()]);
        }
        let rare = filter
            .action_type
            .filter(|action| *action != ActionType::Allow);
        let mut index = match (agent, rare) {
            (Some(_), Some(_)) => "traces_not_allowed_by_agent",
            (None, Some(_)) => "traces_not_allowed",
            (Some(_), None) => "traces_by_agent",
            (None, None) => "traces_by_time",
        };
        let mut looked_at = Terms::default();
        if let Some(id) = &filter.session_id {
            match session_keys(tx, id, agent)?.as_slice() {
                [] => return Ok(None),
                [session] => {
                    index = "traces_by_session";
                    indexed.add("t.session = ?", [(*session).into()]);
                }
                // Some runtimes call every session the same: rows are looked at in order rather than sorted.
                _ => looked_at.add(
                    "t.session IN (SELECT session FROM sessions WHERE session_id = ?)",
                    [id.clone().into()],
                ),
            }
        }
        let of_losses = filter.tool.as_deref() == Some(GAP_TOOL);
        if of_losses && agent.is_some() && index != "traces_by_session" {
            index = "traces_of_losses";
            // Spelled as the partial index spells it.
            indexed.add("t.tool = 'smoltbot.gap'", []);
        }
        if let Some(since) = filter.since {
            indexed.add("t.at >= ?", [since.millis().into()]);
        }
        if let Some(until) = filter.until {
            indexed.add("t.at < ?", [until.millis().into()]);
        }
        if rare.is_some() {
            // Spelled as the partial indexes spell it, so that SQLite sees that they fit.
            indexed.add("t.action_type <> 0", []);
        }
        if let Some(action) = filter.action_type {
            let place = if rare.is_some() && index != "traces_by_session" {
                &mut indexed
            } else {
                &mut looked_at
            };
            place.add("t.action_type = ?", [action_code(action).into()]);
        }
        look_at(&mut looked_at, filter)?;
        Ok(Some(Self {
            index,
            agent,
            indexed,
            looked_at,
            documents: filter.q.is_some(),
        }))
    }

    /// `traces`, by the index that fits.
    pub(crate) fn from(&self) -> String {
        format!(" FROM traces t INDEXED BY {}", self.index)
    }

    /// The join that the search of documents needs, if it does.
    pub(crate) fn document_join(&self) -> &'static str {
        if self.documents { JOIN_DOCUMENTS } else { "" }
    }
}

fn look_at(terms: &mut Terms, filter: &Filter) -> Result<(), Fault> {
    if let Some(tool) = &filter.tool {
        terms.add("t.tool = ?", [tool.clone().into()]);
    }
    if let Some(rule) = &filter.rule_id {
        terms.add("t.rule_id = ?", [rule.clone().into()]);
    }
    if let Some(runtime) = &filter.runtime {
        terms.add("t.runtime = ?", [runtime.clone().into()]);
    }
    if let Some(value) = &filter.value {
        terms.add(
            "EXISTS (SELECT 1 FROM json_each(t.values_violated) j WHERE j.value = ?)",
            [value.clone().into()],
        );
    }
    let Some(q) = &filter.q else { return Ok(()) };
    if q.len() > MAX_Q_BYTES {
        return Err(Fault::Asked(format!(
            "q has {} bytes; the limit is {MAX_Q_BYTES}",
            q.len()
        )));
    }
    // A document is JSON text: what is looked for stands in it as JSON writes it, with quotes escaped.
    let written = serde_json::to_string(q).unwrap_or_default();
    let written = written.trim_start_matches('"');
    let written = written.strip_suffix('"').unwrap_or(written);
    terms.add(
        r"(t.tool LIKE ? ESCAPE '\' OR t.reason LIKE ? ESCAPE '\' OR d.document LIKE ? ESCAPE '\')",
        [like(q).into(), like(q).into(), like(written).into()],
    );
    Ok(())
}

/// A pattern that matches whatever holds `text`, taken literally.
fn like(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 8);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

/// The key of an agent, if he is known.
pub(crate) fn agent_key(tx: &Connection, id: AgentId) -> rusqlite::Result<Option<i64>> {
    tx.prepare_cached("SELECT agent FROM agents WHERE agent_id = ?1")?
        .query_row([id_bytes(&id.uuid())], |row| row.get(0))
        .optional()
}

/// The keys of the sessions with this id, two at most: of the agent, or of whoever has one.
fn session_keys(tx: &Connection, id: &str, agent: Option<i64>) -> rusqlite::Result<Vec<i64>> {
    tx.prepare_cached(
        "SELECT session FROM sessions WHERE session_id = ?1 AND (?2 IS NULL OR agent = ?2) LIMIT 2",
    )?
    .query_map(params![id, agent], |row| row.get(0))?
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_literal() {
        assert_eq!(like(r"50%_\x"), r"%50\%\_\\x%");
    }
}
