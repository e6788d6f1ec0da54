//! When a provider may be asked again, as its headers tell.

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;

use crate::limits::MAX_RETRY_AFTER;

/// Anthropic's limits of a key: each has headers `…-remaining` and `…-reset`, the time in RFC 3339.
const ANTHROPIC_LIMITS: [&str; 4] = ["requests", "tokens", "input-tokens", "output-tokens"];

/// When the provider may be asked again: `retry-after-ms`, `retry-after` in seconds or as a date, the time at which Anthropic's limit
/// of a subscription ends, in seconds since 1970, or the last of the times at which its limits of a key do that are used up.
pub(in crate::model) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let header = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let seconds = |text: &str| {
        let seconds: f64 = text.parse().ok()?;
        Duration::try_from_secs_f64(seconds).ok()
    };
    let until = |date: SystemTime| date.duration_since(now).unwrap_or_default();
    let wait = header("retry-after-ms")
        .and_then(seconds)
        .map(|wait| wait / 1000)
        .or_else(|| {
            let told = header("retry-after")?;
            seconds(told).or_else(|| httpdate::parse_http_date(told).ok().map(until))
        })
        .or_else(|| {
            let reset = seconds(header("anthropic-ratelimit-unified-reset")?)?;
            Some(until(SystemTime::UNIX_EPOCH.checked_add(reset)?))
        })
        .or_else(|| {
            let used_up = ANTHROPIC_LIMITS.iter().filter_map(|limit| {
                let header = |what| header(&format!("anthropic-ratelimit-{limit}-{what}"));
                // One that has something left is not what kept us out.
                let left: u64 = header("remaining")?.parse().ok()?;
                let reset = aap::Timestamp::parse(header("reset")?).ok()?;
                let reset = Duration::from_millis(u64::try_from(reset.millis()).ok()?);
                (left == 0).then_some(until(SystemTime::UNIX_EPOCH.checked_add(reset)?))
            });
            used_up.max()
        })?;
    Some(wait.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_wait_are_read_in_every_form() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let wait = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            retry_after(&headers, now)
        };
        let date = httpdate::fmt_http_date(now + Duration::from_secs(90));
        let past = httpdate::fmt_http_date(now - Duration::from_secs(90));
        for (name, value, expected) in [
            ("retry-after", "7", Some(Duration::from_secs(7))),
            ("retry-after", "0.5", Some(Duration::from_millis(500))),
            ("retry-after", date.as_str(), Some(Duration::from_secs(90))),
            ("retry-after", past.as_str(), Some(Duration::ZERO)),
            ("retry-after", "99999999999999", Some(MAX_RETRY_AFTER)),
            ("retry-after", "-1", None),
            ("retry-after", "soon", None),
            ("retry-after-ms", "1500", Some(Duration::from_millis(1500))),
            (
                "anthropic-ratelimit-unified-reset",
                "1700000060",
                Some(Duration::from_mins(1)),
            ),
            ("x-other", "1", None),
        ] {
            assert_eq!(wait(name, value), expected, "{name}: {value}");
        }
    }

    #[test]
    fn limits_that_are_used_up_tell_when_they_end() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let wait = |told: &[(&'static str, &str)]| {
            let headers = told.iter().map(|(name, value)| {
                let name = format!("anthropic-ratelimit-{name}");
                (name.parse().unwrap(), value.parse().unwrap())
            });
            retry_after(&headers.collect(), now)
        };
        let (soon, later) = ("2023-11-14T22:13:30Z", "2023-11-14T22:14:20Z");
        let requests = [("requests-remaining", "0"), ("requests-reset", soon)];
        assert_eq!(wait(&requests), Some(Duration::from_secs(10)));
        let tokens = [
            ("input-tokens-remaining", "0"),
            ("input-tokens-reset", later),
        ];
        let both = [requests, tokens].concat();
        assert_eq!(wait(&both), Some(Duration::from_mins(1)), "the last counts");
        let left = [
            ("input-tokens-remaining", "900"),
            ("input-tokens-reset", later),
        ];
        let both = [requests, left].concat();
        assert_eq!(
            wait(&both),
            Some(Duration::from_secs(10)),
            "what is left does not"
        );
        assert_eq!(wait(&left), None);
        let past = [
            ("tokens-remaining", "0"),
            ("tokens-reset", "2020-01-01T00:00:00Z"),
        ];
        assert_eq!(wait(&past), Some(Duration::ZERO));
        let odd = [("tokens-remaining", "0"), ("tokens-reset", "soon")];
        assert_eq!(wait(&odd), None);
    }
}
