//! From Postgres' errors to the port's, with what was tried and what helps.

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};
use trace_store::StoreError;

/// Says what was tried, what the server answered, and what to do.
pub(crate) fn store_error(doing: &str, error: &Error) -> StoreError {
    let Some(answer) = error.as_db_error() else {
        // No answer at all: the connection went away, or what came was not understood.
        return StoreError::Unavailable(format!("{doing}: the connection failed ({error})"));
    };
    let said = words(answer);
    let code = answer.code();
    if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        return StoreError::Failed(format!(
            "{doing}: {said}; log in as a superuser, or as a member of the role that this needs (database/README.md says which)"
        ));
    }
    if is_passing(code) {
        StoreError::Unavailable(format!("{doing}: {said}"))
    } else {
        StoreError::Failed(format!("{doing}: {said}"))
    }
}

/// The same statement may go through later: no room, no connection, shutting down, a lock, a conflict.
fn is_passing(code: &SqlState) -> bool {
    let class = &code.code()[..2];
    matches!(class, "08" | "40" | "53" | "55" | "57" | "58")
}

/// Message, detail and code. Details of our own statements hold no content of traces.
fn words(answer: &DbError) -> String {
    let detail = answer
        .detail()
        .map_or(String::new(), |detail| format!(" ({detail})"));
    format!("{}{detail} [{}]", answer.message(), answer.code().code())
}
