//! A selection that somebody shares: a note and marked traces, both in the address and nowhere else. They are the sharer's
//! words, shown as such.

use aap::{Timestamp, TraceId};
use futures_util::future::try_join_all;
use trace_store::TraceReader;

use crate::answer::PageError;
use crate::calls::Call;
use crate::pages::groups::REFUSALS;
use crate::query::{MAX_MARKS, Params, write_link};
use crate::text::{Shown, line};

/// Characters of a note.
pub(crate) const MAX_NOTE_CHARS: usize = 500;

/// What the address says beside the filter.
pub(crate) struct Shared {
    pub(crate) note: Shown,
    pub(crate) calls: Vec<Call>,
    /// Marked ids that no trace has here.
    pub(crate) unknown: usize,
    /// The address of all this, to copy.
    pub(crate) link: String,
    /// The address without note and marks.
    pub(crate) without: String,
}

/// The ids that an address marks, in its order, each once.
pub(crate) fn marks(params: &Params) -> Result<Vec<TraceId>, PageError> {
    let mut ids: Vec<TraceId> = Vec::new();
    for text in &params.marks {
        let id = text
            .parse()
            .map_err(|_| PageError::Bad(format!("mark is a trace's id, a UUID, not `{text}`")))?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    if ids.len() > MAX_MARKS {
        return Err(PageError::Bad(format!(
            "an address marks at most {MAX_MARKS} traces, not {}; narrow the filter instead",
            ids.len()
        )));
    }
    Ok(ids)
}

/// Reads what is marked; none when the address shares nothing but its filter.
pub(crate) async fn shared<R: TraceReader>(
    reader: &R,
    params: &Params,
    marked: &[TraceId],
    now: Timestamp,
) -> Result<Option<Shared>, PageError> {
    if let Some(note) = &params.note
        && note.chars().count() > MAX_NOTE_CHARS
    {
        return Err(PageError::Bad(format!(
            "note has at most {MAX_NOTE_CHARS} characters"
        )));
    }
    if params.note.is_none() && marked.is_empty() {
        return Ok(None);
    }
    let found = try_join_all(marked.iter().map(|id| reader.trace(*id))).await?;
    let calls: Vec<Call> = found
        .iter()
        .flatten()
        .map(|detail| Call::with_agent(detail, now))
        .collect();
    let ids: Vec<String> = marked.iter().map(TraceId::to_string).collect();
    let note = params.note.iter().map(|note| ("note", note.as_str()));
    let told = note.chain(ids.iter().map(|id| ("mark", id.as_str())));
    let without = params.link(REFUSALS);
    Ok(Some(Shared {
        note: line(params.note.as_deref().unwrap_or_default(), MAX_NOTE_CHARS),
        unknown: marked.len() - calls.len(),
        calls,
        link: write_link(&without, told),
        without,
    }))
}
