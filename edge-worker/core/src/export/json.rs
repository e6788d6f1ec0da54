//! NDJSON: a line is a trace as `GET /v1/traces/{id}` shows it, without what depends on its neighbours.

use trace_store::TraceDetail;

use crate::shape::Exported;

/// Appends a line.
pub(super) fn write(detail: TraceDetail, out: &mut Vec<u8>) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *out, &Exported::from(detail))?;
    out.push(b'\n');
    Ok(())
}
