//! The end of a run: what became of every call, as the edge tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::call::{Call, Fate, Kind};
use crate::edge::Edge;
use crate::home::Home;

/// What is wrong; nothing, when the promise was kept.
pub type Findings = Vec<String>;

/// What is set aside: the trace's id, its document, and why.
#[derive(Debug, Clone)]
pub struct Aside {
    /// The trace.
    pub trace_id: String,
    /// Its content.
    pub document: Value,
    /// Why the edge would not take it.
    pub reason: String,
}

/// What the spool has set aside, read past the program that wrote it.
///
/// # Errors
/// When there is no spool to read.
pub fn quarantine(spool: &Path) -> Result<Vec<Aside>> {
    let conn = Connection::open_with_flags(spool, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.busy_timeout(Duration::from_secs(10))?;
    let mut rows = conn.prepare("SELECT trace_id, document, reason FROM quarantine")?;
    let rows = rows.query_map((), |row| {
        let document: Option<String> = row.get(1)?;
        Ok(Aside {
            trace_id: row.get(0)?,
            document: document
                .and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or_default(),
            reason: row.get(2)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Everything that is known of the calls at the end.
#[derive(Debug)]
pub struct Known<'a> {
    rows: Vec<Value>,
    aside: Vec<Aside>,
    calls: BTreeMap<&'a str, &'a Call>,
    findings: Findings,
}

/// The agent's own id of a call in a trace's metadata.
fn call_id(metadata: &Value) -> Option<&str> {
    metadata["tool_call_id"].as_str()
}

/// Looks at every row of the edge, and at every call.
///
/// # Errors
/// When the edge or the spool cannot be read: then nothing is known.
pub fn settle(calls: &[Call], edge: &Edge, home: &Home, agent: &str) -> Result<Findings> {
    let mut known = Known {
        rows: edge.traces(agent)?,
        aside: quarantine(&home.spool())?,
        calls: calls.iter().map(|call| (call.id.as_str(), call)).collect(),
        findings: Vec::new(),
    };
    known.ids();
    known.contents();
    known.calls();
    known.losses(home)?;
    known.archive(home, edge, agent)?;
    Ok(known.findings)
}

impl Known<'_> {
    fn wrong(&mut self, what: String) {
        self.findings.push(what);
    }

    /// Each id is listed once.
    fn ids(&mut self) {
        let mut seen = BTreeSet::new();
        let ids: Vec<String> = self
            .rows
            .iter()
            .map(|row| row["id"].as_str().unwrap_or_default().to_owned())
            .collect();
        for id in ids {
            if !seen.insert(id.clone()) {
                self.wrong(format!("{id} is listed more than once"));
            }
        }
    }

    /// Every row is a call that was issued, and says what the agent said.
    fn contents(&mut self) {
        let without = self.without_contents();
        let mut wrong = Vec::new();
        for row in &self.rows {
            let metadata = &row["metadata"];
            if metadata["held_back"] == true || metadata.get("gap").is_some() {
                continue;
            }
            let Some(call) = call_id(metadata).and_then(|id| self.calls.get(id)) else {
                wrong.push(format!("never issued: {row}"));
                continue;
            };
            if row["params"] != call.params() {
                wrong.push(format!("{}: other parameters: {}", call.id, row["params"]));
            }
            let result = &row["result"];
            let right = match call.kind {
                // Cut to what a trace may hold.
                Kind::Big => result.to_string().contains(&call.id),
                Kind::Failed => true,
                _ => *result == call.result(),
            };
            if !result.is_null() && !right {
                wrong.push(format!("{}: another result: {result}", call.id));
            }
        }
        let gaps = self.rows.iter().map(|row| &row["metadata"]["gap"]);
        let told: u64 = gaps.filter_map(|gap| gap["contents"].as_u64()).sum();
        if without > told {
            wrong.push(format!(
                "{without} traces are stored without their contents, which are not set aside; signed records tell of {told}"
            ));
        }
        self.findings.append(&mut wrong);
    }

    /// How many calls are told by their place in the chain alone, and are not set aside. Which calls they are, they do not say.
    fn without_contents(&self) -> u64 {
        let set_aside: BTreeSet<&str> = self
            .aside
            .iter()
            .map(|aside| aside.trace_id.as_str())
            .collect();
        let without = self.rows.iter().filter(|row| {
            row["metadata"]["held_back"] == true
                && !set_aside.contains(row["id"].as_str().unwrap_or_default())
        });
        without.count() as u64
    }

    /// Every call that counts is told once.
    fn calls(&mut self) {
        let mut nameless = self.without_contents();
        let mut wrong = Vec::new();
        let mut told: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for row in &self.rows {
            if let Some(id) = call_id(&row["metadata"]) {
                told.entry(id).or_default().push(row);
            }
        }
        let aside: BTreeSet<&str> = self
            .aside
            .iter()
            .filter_map(|aside| call_id(&aside.document["context"]["metadata"]))
            .collect();
        for (&id, call) in &self.calls {
            let rows = told.get(id).map_or(&[][..], Vec::as_slice);
            let first: Vec<_> = rows
                .iter()
                .filter(|row| row["metadata"].get("completes").is_none())
                .collect();
            let most = if call.waived { 2 } else { 1 };
            if first.len() > most || rows.len() - first.len() > 1 {
                wrong.push(format!("{id} is told {} times: {rows:?}", rows.len()));
            }
            if call.waived || aside.contains(id) {
                continue;
            }
            if call.must_be_told() && rows.is_empty() {
                // Refusals keep their contents for longer than there is room for anything else.
                if call.kind != Kind::Refused && nameless > 0 {
                    nameless -= 1;
                    continue;
                }
                wrong.push(format!("LOST without a word: {call:?}"));
                continue;
            }
            let refused = rows.iter().any(|row| row["action_type"] == "deny");
            if call.kind == Kind::Refused && call.before == Fate::Accepted && !refused {
                wrong.push(format!("{id} was refused, and is not told so: {rows:?}"));
            }
            let open = |row: &&Value| {
                let metadata = &row["metadata"];
                metadata["orphan"] == "before" || metadata["outcome"] == "unanswered"
            };
            if call.after == Fate::Accepted && rows.iter().all(open) {
                wrong.push(format!(
                    "{id} has ended, and is told without its end: {call:?} {rows:?}"
                ));
            }
            if call.kind == Kind::Poison {
                wrong.push(format!("{id} is poison, and is not set aside: {call:?}"));
            }
        }
        for one in &self.aside {
            if one.reason.is_empty() {
                wrong.push(format!("{} is set aside without a reason", one.trace_id));
            }
        }
        self.findings.append(&mut wrong);
    }

    /// Every call that was lost is counted in signed records, refusals as such, and the status knows of them.
    fn losses(&mut self, home: &Home) -> Result<()> {
        let found: BTreeSet<&str> = {
            let rows = self.rows.iter().map(|row| &row["metadata"]);
            let aside = self
                .aside
                .iter()
                .map(|aside| &aside.document["context"]["metadata"]);
            rows.chain(aside).filter_map(call_id).collect()
        };
        // Told to the agent as not recorded; or damaged on the disk, in the chain or not.
        let lost = |call: &&&Call| {
            (call.losses > 0 || call.waived && call.is_linked())
                && !found.contains(call.id.as_str())
        };
        let count = |which: &dyn Fn(&Call) -> bool| {
            let lost = self.calls.values().filter(lost).filter(|call| which(call));
            u64::try_from(lost.count()).unwrap_or(u64::MAX)
        };
        let (calls, refusals) = (
            count(&|_| true),
            count(&|call| call.kind == Kind::Refused && !call.waived),
        );
        let gap = |key: &str| -> u64 {
            let gaps = self.rows.iter().map(|row| &row["metadata"]["gap"]);
            gaps.filter_map(|gap| gap[key].as_u64()).sum()
        };
        let signed = gap("calls") + gap("refusals") + gap("contents");
        let status = home.status()?;
        let dropped = status["spool"]["dropped"].as_u64();
        let dropped = dropped.context("status tells no dropped")?;
        // A call whose place stands and whose content is gone is not dropped.
        let known = dropped + gap("contents");
        if signed < calls || gap("refusals") < refusals || known < calls {
            let signed_refusals = gap("refusals");
            self.wrong(format!(
                "{calls} calls are lost, {refusals} of them refusals; signed records tell of {signed} and {signed_refusals}, the status of {dropped}"
            ));
        }
        Ok(())
    }

    /// The archive of it all holds, offline.
    fn archive(&mut self, home: &Home, edge: &Edge, agent: &str) -> Result<()> {
        let file = home.path().join("archive");
        let file = file.to_string_lossy().into_owned();
        let mut export = home.smoltbot(&["export", "--agent", agent, "--output", &file], "");
        let output = export.env("SMOLTBOT_API_URL", edge.url()).output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            self.wrong(format!("no export: {said}"));
            return Ok(());
        }
        let output = home.smoltbot(&["verify", &file, "--json"], "").output()?;
        let report: Value = serde_json::from_slice(&output.stdout).context("verify")?;
        let findings = report["findings"].as_array().cloned().unwrap_or_default();
        // What a damaged disk has taken out of the chain is a hole in it, and a record tells so.
        let damaged = |row: &Value| row["metadata"]["gap"]["why"] == "spool damaged";
        let holes = self.rows.iter().any(damaged);
        let is_hole = |finding: &Value| {
            holes && ["gap", "not_signed"].contains(&finding["fault"].as_str().unwrap_or_default())
        };
        if findings.iter().any(|finding| !is_hole(finding))
            || (report["ok"] != true && findings.is_empty())
        {
            self.wrong(format!("the archive does not hold: {report}"));
        }
        std::fs::remove_file(file)?;
        Ok(())
    }
}
