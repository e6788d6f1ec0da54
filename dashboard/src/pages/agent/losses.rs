//! What an agent's recorder could not keep, as its own records tell it.

use aap::AgentId;
use aap::trace::{GAP_TOOL, Gap};
use serde_json::Value;
use trace_store::{AgentRow, Filter, Page, PageRequest, StoreError, TraceDetail, TraceReader};

use crate::query::Params;
use crate::text::{Shown, line};
use crate::words::{counted, moment};

/// Records of losses that are told one by one.
const RECORDS: u32 = 5;
/// Characters of a reason that has no words here.
const WHY_CHARS: usize = 120;

/// Losses, newest first.
pub(super) struct Losses {
    pub(super) records: Vec<Loss>,
    /// Where all of them are, if there are more than these.
    pub(super) all: Option<String>,
    /// What was lost, in a few words.
    pub(super) title: String,
}

/// One record.
pub(super) struct Loss {
    pub(super) sentence: Shown,
    pub(super) link: String,
    pub(super) signed: bool,
}

/// The records of an agent. Stores keep an index of them; they are told as errors, so an agent without errors has none.
pub(super) async fn read<R: TraceReader>(
    reader: &R,
    agent: &AgentRow,
) -> Result<Page<TraceDetail>, StoreError> {
    if agent.errors == 0 {
        return Ok(Page {
            rows: Vec::new(),
            next: None,
        });
    }
    let filter = Filter {
        agent_id: Some(agent.agent_id),
        tool: Some(GAP_TOOL.to_owned()),
        ..Filter::default()
    };
    let request = PageRequest {
        limit: RECORDS,
        ..PageRequest::default()
    };
    reader.documents(&filter, request).await
}

impl Losses {
    pub(super) fn of(page: &Page<TraceDetail>, id: AgentId) -> Self {
        let documents = page.rows.iter().map(|detail| detail.document.as_ref());
        let gaps: Vec<Option<Gap>> = documents.map(|it| it.and_then(told)).collect();
        let listing = Params {
            tool: Some(GAP_TOOL.to_owned()),
            ..Params::default()
        };
        let all = page
            .next
            .is_some()
            .then(|| listing.link(&format!("{}/traces", aap::paths::agent_page(id))));
        Self {
            title: title(gaps.iter().flatten(), all.is_some()),
            records: page
                .rows
                .iter()
                .zip(&gaps)
                .map(|(detail, gap)| Loss {
                    sentence: line(&sentence(gap.as_ref()), 400),
                    link: aap::paths::trace_page(detail.row.trace_id),
                    signed: detail.row.signed,
                })
                .collect(),
            all,
        }
    }
}

/// What a record's document says.
pub(crate) fn told(document: &Value) -> Option<Gap> {
    let gap = document.pointer("/context/metadata/gap")?;
    serde_json::from_value(gap.clone()).ok()
}

/// All that is told, in few words.
fn title<'a>(gaps: impl Iterator<Item = &'a Gap>, more: bool) -> String {
    let (mut calls, mut contents) = (0_u64, 0_u64);
    for gap in gaps {
        calls = calls.saturating_add(gap.calls.saturating_add(gap.refusals));
        contents = contents.saturating_add(gap.contents);
    }
    let least = if more { "At least " } else { "" };
    match (calls, contents) {
        (0, 0) => "Something could not be recorded".to_owned(),
        (0, contents) => format!(
            "{least}{} let go",
            counted(contents, "call’s content was", "calls’ contents were")
        ),
        (calls, _) => format!(
            "{least}{} lost before being recorded",
            counted(calls, "call was", "calls were")
        ),
    }
}

/// One loss: `9 calls and 3 refusals lost between … and …, because the disk was full.`
pub(crate) fn sentence(gap: Option<&Gap>) -> String {
    let Some(gap) = gap else {
        return "What was lost is not told here: the record’s content is not published.".to_owned();
    };
    let one = |count: u64, one: &str, many: &str| (count > 0).then(|| counted(count, one, many));
    let calls = [
        one(gap.calls, "call", "calls"),
        one(gap.refusals, "refusal", "refusals"),
    ];
    let calls: Vec<String> = calls.into_iter().flatten().collect();
    let contents = one(gap.contents, "call", "calls");
    let lost = match (calls.is_empty(), contents) {
        (false, None) => format!("{} lost", calls.join(" and ")),
        (false, Some(contents)) => format!(
            "{} lost, and the contents of {contents} let go,",
            calls.join(" and ")
        ),
        (true, Some(contents)) => format!("The contents of {contents} let go"),
        (true, None) => "Something lost".to_owned(),
    };
    let (since, until) = (moment(gap.since), moment(gap.until));
    let when = if since == until {
        format!("on {since}")
    } else {
        format!("between {since} and {until}")
    };
    format!("{lost} {when}, because {}.", why(&gap.why))
}

/// The recorder's reason in words.
fn why(reason: &str) -> String {
    match reason {
        "spool full" => "the space set for calls that wait to be sent was used up",
        "disk full" => "the disk was full",
        "io error" => "the disk could not be written",
        "recorder overrun" => "calls came faster than they could be recorded",
        "spool damaged" => "the file in which calls wait was damaged",
        "spool busy" => "another process held the file in which calls wait",
        "dropped by hand" => "the operator dropped them",
        "newer spool" => "the file in which calls wait was of a newer version",
        other => return format!("of this: {}", crate::text::plain(other, WHY_CHARS)),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use aap::Timestamp;

    use super::*;

    fn gap(calls: u64, refusals: u64, contents: u64, until: &str) -> Gap {
        Gap {
            calls,
            refusals,
            contents,
            since: Timestamp::parse("2026-11-21T02:10:00Z").unwrap(),
            until: Timestamp::parse(until).unwrap(),
            why: "disk full".to_owned(),
        }
    }

    #[test]
    fn losses_are_told_in_words() {
        let later = "2026-11-21T02:12:00Z";
        let said = |gap: &Gap| sentence(Some(gap));
        assert_eq!(
            said(&gap(9, 1, 0, later)),
            "9 calls and 1 refusal lost between 21 Nov 2026, 02:10:00 UTC and 21 Nov 2026, 02:12:00 UTC, because the disk was full."
        );
        assert_eq!(
            said(&gap(0, 0, 1, "2026-11-21T02:10:00Z")),
            "The contents of 1 call let go on 21 Nov 2026, 02:10:00 UTC, because the disk was full."
        );
        let two = [gap(9, 1, 4, later), gap(2, 0, 0, later)];
        assert_eq!(
            title(two.iter(), false),
            "12 calls were lost before being recorded"
        );
        assert_eq!(
            title([gap(0, 0, 1, later)].iter(), true),
            "At least 1 call’s content was let go"
        );
    }

    #[test]
    fn every_reason_of_the_recorder_has_words() {
        assert!(why("spool full").starts_with("the space"));
        assert_eq!(why("moths"), "of this: moths");
    }
}
