//! The keys of a request's body, one by one, so that what is wrong is told by its name.
//!
//! What is not asked for here means nothing to us and is left alone, as clients send much; what would change the answer that they
//! get is refused ([`Fields::refuse_what_would_be_left_out`]).

use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::OpenAiError;

/// Keys that were not read yet.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// The keys of `body`.
    pub(super) fn read(body: &[u8]) -> Result<Self, OpenAiError> {
        let wrong = |problem: String| {
            OpenAiError::new(
                StatusCode::BAD_REQUEST,
                format!(
                    r#"the body is not what is expected: {problem}; send for example {{"model": "smoltbot", "messages": [{{"role": "user", "content": "Hello"}}]}}"#
                ),
            )
        };
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(wrong("it is no JSON object".to_owned())),
            Err(error) => Err(wrong(error.to_string())),
        }
    }

    /// The value of `name`, where there is one; `what` says what it must be.
    pub(super) fn take<T: DeserializeOwned>(
        &mut self,
        name: &str,
        what: &str,
    ) -> Result<Option<T>, OpenAiError> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match serde_json::from_value(value) {
                Ok(value) => Ok(Some(value)),
                Err(_) => Err(OpenAiError::param(name, format!("must be {what}"))),
            },
        }
    }

    /// The value of `name`, which there must be.
    pub(super) fn needed<T: DeserializeOwned>(
        &mut self,
        name: &str,
        what: &str,
    ) -> Result<T, OpenAiError> {
        let missing = || OpenAiError::param(name, format!("is missing: send {what}"));
        self.take(name, what)?.ok_or_else(missing)
    }

    /// A number of tokens.
    pub(super) fn tokens(&mut self, name: &str) -> Result<Option<u32>, OpenAiError> {
        let tokens = self.take(name, "a whole number of tokens, at least 1")?;
        match tokens {
            Some(0) => Err(OpenAiError::param(name, "must be at least 1")),
            tokens => Ok(tokens),
        }
    }

    /// A number from 0 to `most`.
    pub(super) fn within(&mut self, name: &str, most: f64) -> Result<Option<f64>, OpenAiError> {
        let value: Option<f64> = self.take(name, &format!("a number from 0 to {most}"))?;
        match value {
            Some(value) if !(0.0..=most).contains(&value) => Err(OpenAiError::param(
                name,
                format!("{value} is out of range: send 0 to {most}"),
            )),
            value => Ok(value),
        }
    }

    /// Refuses what no provider of ours, or not each, could do, where the answer would lack what was asked for.
    pub(super) fn refuse_what_would_be_left_out(&mut self) -> Result<(), OpenAiError> {
        let wrong = |name: &str, text: &str| Err(OpenAiError::param(name, text));
        if self
            .take::<u32>("n", "1")?
            .is_some_and(|answers| answers != 1)
        {
            return wrong("n", "only one answer is made: leave n out");
        }
        if self.take("logprobs", "true or false")? == Some(true) {
            return wrong("logprobs", "probabilities are not told: leave logprobs out");
        }
        let sorts: Option<Vec<String>> = self.take("modalities", "a list of names")?;
        if sorts.is_some_and(|sorts| sorts.iter().any(|sort| sort != "text")) {
            return wrong("modalities", "only text is answered");
        }
        if self.0.get("functions").is_some_and(|it| !it.is_null()) {
            let text = "functions were replaced by tools: send each as {\"type\": \"function\", \"function\": {…}} in `tools`";
            return wrong("functions", text);
        }
        Ok(())
    }
}
