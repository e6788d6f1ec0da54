//! How long a request's body may take to arrive.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;

use crate::limits::{BODY_TIMEOUT, SLOWEST_UPLOAD};

/// [`BODY_TIMEOUT`], and for a large body as much as it takes at [`SLOWEST_UPLOAD`]. One that does not say its length is taken for
/// small.
pub(super) fn within(headers: &HeaderMap) -> Duration {
    let length = headers.get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    BODY_TIMEOUT + Duration::from_secs(length.unwrap_or_default() / SLOWEST_UPLOAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_body_gets_the_time_that_it_takes() {
        let of = |length: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_LENGTH, length.parse().unwrap());
            within(&headers)
        };
        assert_eq!(within(&HeaderMap::new()), BODY_TIMEOUT);
        for small in ["0", "1000", "many", "-1"] {
            assert_eq!(of(small), BODY_TIMEOUT, "{small}");
        }
        let more = of(&(20 * SLOWEST_UPLOAD).to_string());
        assert_eq!(more, BODY_TIMEOUT + Duration::from_secs(20));
    }
}
