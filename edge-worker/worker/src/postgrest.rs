//! What `PostgREST`'s answers mean.

use serde::Deserialize;
use trace_store::StoreError;
use trace_store_postgres::rpc::Refused;

/// `PostgREST`'s words for an error; `code` is Postgres' SQLSTATE, or one of its own that begins with `PGRST`.
#[derive(Debug, Default, Deserialize)]
struct Told {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

/// From an answer that is no success.
pub fn refused(status: u16, body: &str) -> Refused {
    let told: Told = serde_json::from_str(body).unwrap_or_default();
    let code = told.code.unwrap_or_default();
    let message = match told.message {
        Some(message) if !code.is_empty() => format!("{message} ({code})"),
        Some(message) => message,
        None => format!("PostgREST answered {status}"),
    };
    let class = code.get(..2).unwrap_or_default();
    if matches!(class, "22" | "54") {
        return Refused::Data(message);
    }
    // PGRST0xx: it cannot reach the database, or waited too long for a connection. PGRST3xx: it does not believe the key.
    let waits =
        matches!(class, "08" | "40" | "53" | "55" | "57" | "58") || code.starts_with("PGRST0");
    Refused::Store(
        if waits || (code.is_empty() && matches!(status, 408 | 429 | 500..)) {
            StoreError::Unavailable(format!("{message}; try again in a moment"))
        } else if matches!(status, 401 | 403) || code.starts_with("PGRST3") || code == "42501" {
            StoreError::Failed(format!(
                "{message}; the secret SUPABASE_SERVICE has to be a key whose role may call append_batch"
            ))
        } else if code == "PGRST202" || class == "42" {
            StoreError::Failed(format!(
                "{message}; the database does not hold the schema that this program knows: run `smoltbot db migrate`"
            ))
        } else {
            StoreError::Failed(message)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_mean_what_they_mean_over_a_connection() {
        let refused = |status, code: &str| {
            let body = serde_json::json!({"code": code, "message": "told", "details": null});
            refused(status, &body.to_string())
        };
        for (status, code) in [(400, "22P05"), (400, "22021"), (500, "54000")] {
            assert!(matches!(refused(status, code), Refused::Data(told) if told.contains(code)));
        }
        for (status, code) in [
            (503, "PGRST001"),
            (504, "PGRST003"),
            (500, "53100"),
            (500, "40001"),
            (500, "57014"),
            (500, "55P03"),
        ] {
            let refused = refused(status, code);
            assert!(
                matches!(&refused, Refused::Store(StoreError::Unavailable(told)) if told.contains(code)),
                "{refused:?}"
            );
        }
        for (status, code, advice) in [
            (401, "PGRST301", "SUPABASE_SERVICE"),
            (403, "42501", "SUPABASE_SERVICE"),
            (404, "PGRST202", "db migrate"),
            (404, "42883", "db migrate"),
            (500, "XX000", "told"),
        ] {
            let refused = refused(status, code);
            assert!(
                matches!(&refused, Refused::Store(StoreError::Failed(told)) if told.contains(advice)),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn what_is_not_postgrests_is_a_gateway_in_between() {
        for status in [429, 500, 502, 521] {
            let refused = refused(status, "<html>");
            assert!(matches!(
                refused,
                Refused::Store(StoreError::Unavailable(_))
            ));
        }
        assert!(matches!(
            refused(404, "<html>"),
            Refused::Store(StoreError::Failed(_))
        ));
    }
}
