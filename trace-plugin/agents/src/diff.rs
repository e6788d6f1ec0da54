//! What a plan would change, as a unified diff.

use diffy::DiffOptions;

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
    DiffOptions::new()
        .set_context_len(CONTEXT)
        .set_original_filename(old)
        .set_modified_filename(path)
        .create_patch(before, &change.after)
        .to_string()
}
