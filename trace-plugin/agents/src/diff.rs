//! What a plan would change, as a unified diff.

use similar::TextDiff;

use crate::plan::Change;

/// Lines shown around a change.
const CONTEXT: usize = 3;

/// A unified diff that `patch` takes.
pub fn unified(change: &Change) -> String {
    let path = change.path.display().to_string();
    let old = match change.before {
        Some(_) => path.clone(),
        None => "/dev/null".to_owned(),
    };
    let before = change.before.as_deref().unwrap_or_default();
    TextDiff::from_lines(before, &change.after)
        .unified_diff()
        .context_radius(CONTEXT)
        .header(&old, &path)
        .to_string()
}
