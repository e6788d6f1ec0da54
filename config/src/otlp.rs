//! The section `otlp`: where calls are told as OpenTelemetry's spans while they happen.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::secret::Secret;

/// A receiver of OpenTelemetry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub struct Otlp {
    /// Its base URL, below which `/v1/traces` is; off.
    #[serde(deserialize_with = "endpoint")]
    pub endpoint: Option<String>,
    /// Headers of its requests, such as keys: an object in the file, `NAME=VALUE,…` with percent-encoded values as a text.
    #[serde(deserialize_with = "headers")]
    pub headers: Option<Secret<String>>,
}

fn endpoint<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let text = text.trim();
    if text == "off" {
        return Ok(None);
    }
    let host = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"))
        .map(|rest| rest.split('/').next().unwrap_or_default());
    match host {
        // What stands before it may be a password, and is not repeated.
        Some(host) if host.contains('@') => Err(D::Error::custom(
            "holds a user name or password: write it into otlp.headers",
        )),
        Some(host) if !host.is_empty() && !host.starts_with(':') => Ok(Some(text.to_owned())),
        _ => Err(D::Error::custom(format_args!(
            "\"{text}\" is no receiver's URL: write it like http://127.0.0.1:4318, or \"off\""
        ))),
    }
}

/// One text out of both forms; values are secrets, so that no error repeats one.
fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret<String>>, D::Error> {
    let wrong = || {
        D::Error::custom("is neither an object of texts nor NAME=VALUE with commas between several")
    };
    match Value::deserialize(deserializer)? {
        Value::String(text) if text.contains('=') => Ok(Some(Secret::new(text))),
        Value::Object(members) => {
            let mut pairs = Vec::new();
            for (name, value) in members {
                let value = value.as_str().ok_or_else(wrong)?;
                pairs.push(format!("{name}={}", escaped(value)));
            }
            Ok(Some(Secret::new(pairs.join(","))).filter(|text| !text.is_empty()))
        }
        _ => Err(wrong()),
    }
}

/// Percent-encodes what separates, and `%` itself.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '%' => out.push_str("%25"),
            ',' => out.push_str("%2C"),
            ' ' => out.push_str("%20"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Otlp, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn both_forms_of_headers_are_one_and_none_is_shown() {
        let object = read(r#"{"endpoint":"http://127.0.0.1:4318","headers":{"authorization":"Bearer a,b%","x":"y"}}"#).unwrap();
        let text = object.headers.as_ref().unwrap().expose();
        assert_eq!(text, "authorization=Bearer%20a%2Cb%25,x=y");
        assert!(!format!("{object:?}").contains("Bearer"));
        let text = read(r#"{"headers":"api-key=s3cret"}"#).unwrap();
        assert_eq!(text.headers.unwrap().expose(), "api-key=s3cret");
        for wrong in [
            r#"{"headers":"s3cret"}"#,
            r#"{"headers":{"x":{"s3cret":1}}}"#,
            r#"{"headers":["s3cret"]}"#,
        ] {
            let error = read(wrong).unwrap_err();
            assert!(
                error.contains("NAME=VALUE") && !error.contains("s3cret"),
                "{error}"
            );
        }
    }

    #[test]
    fn an_endpoint_is_a_url_or_off() {
        assert_eq!(read(r#"{"endpoint":"off"}"#).unwrap(), Otlp::default());
        for wrong in [
            "",
            "localhost:4318",
            "grpc://a",
            "http://",
            "http://:4318",
            "http://u:hunter2@a",
        ] {
            let error = read(&format!(r#"{{"endpoint":"{wrong}"}}"#)).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
