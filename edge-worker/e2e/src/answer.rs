//! What was answered.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// Null when it is not JSON.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// Of a status, headers and a body's bytes.
    pub fn new(status: StatusCode, headers: HeaderMap, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Self {
            status,
            headers,
            body,
            text,
        }
    }

    /// Checks the status, and shows the whole answer when it is another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// Checks that every trace was stored now.
    #[track_caller]
    pub fn all_stored(self, count: usize) -> Self {
        assert_eq!(self.statuses(), vec!["stored"; count], "{}", self.text);
        self.expect(201)
    }

    /// The statuses of a submission's results.
    #[track_caller]
    pub fn statuses(&self) -> Vec<&str> {
        let results = self.body["results"]
            .as_array()
            .unwrap_or_else(|| panic!("no results: {} {}", self.status, self.text));
        let status = |result: &'_ Value| result["status"].as_str().map(str::len);
        assert!(
            results.iter().all(|result| status(result).is_some()),
            "{}",
            self.text
        );
        results
            .iter()
            .filter_map(|result| result["status"].as_str())
            .collect()
    }

    /// Why the trace at `index` was not stored.
    #[track_caller]
    pub fn reason(&self, index: usize) -> &str {
        self.body["results"][index]["reason"]
            .as_str()
            .unwrap_or_else(|| panic!("no reason for {index}: {}", self.text))
    }

    /// A header as text; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("text"))
            .unwrap_or_default()
    }

    /// The media type without its parameters.
    pub fn media_type(&self) -> &str {
        let value = self.header("content-type");
        value.split(';').next().unwrap_or(value).trim()
    }

    /// Checks that this is a problem with this status, and gives its detail.
    #[track_caller]
    pub fn problem(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.media_type(), "application/problem+json");
        assert_eq!(self.body["status"], status);
        let kind = self.body["type"].as_str().unwrap_or_default();
        assert!(kind.starts_with("urn:smoltbot:problem:"), "{}", self.text);
        assert!(self.body["title"].is_string(), "{}", self.text);
        self.body["detail"].as_str().expect("a detail")
    }
}
