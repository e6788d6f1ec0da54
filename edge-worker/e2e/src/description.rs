//! The edge's own description, and what it promises of an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use aap::paths::OPENAPI;
use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{Answer, facts};

/// Methods that an operation can have.
const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// The document, with the schemas that were needed so far.
pub struct Description {
    /// As the edge serves it.
    pub document: Value,
    validators: Mutex<BTreeMap<String, Arc<Validator>>>,
    seen: Mutex<BTreeSet<(String, String, u16)>>,
}

impl Description {
    /// That of the edge that the suite is told of.
    pub async fn get() -> &'static Self {
        Self::of(&facts::base_url()).await
    }

    /// Asked for once in a run: every edge has the same.
    pub async fn of(base: &str) -> &'static Self {
        static ONCE: OnceCell<Description> = OnceCell::const_new();
        ONCE.get_or_init(async || {
            let client = reqwest::Client::builder().no_proxy().build();
            let url = format!("{base}{OPENAPI}");
            let request = client.expect("a client").get(&url);
            let response = request.send().await;
            let response =
                response.unwrap_or_else(|error| panic!("no edge answers at {url}: {error}"));
            let text = response.text().await.expect("a whole document");
            Self {
                document: serde_json::from_str(&text).expect("the description is JSON"),
                validators: Mutex::default(),
                seen: Mutex::default(),
            }
        })
        .await
    }

    /// Every operation: its path with `{…}`, its method in capitals, what is said of it.
    pub fn operations(&self) -> Vec<(&str, String, &Value)> {
        let mut operations = Vec::new();
        for (path, item) in object(&self.document["paths"]) {
            for (method, operation) in object(item) {
                if METHODS.contains(&method.as_str()) {
                    operations.push((path.as_str(), method.to_uppercase(), operation));
                }
            }
        }
        operations
    }

    /// The statuses that an operation may answer.
    pub fn statuses(operation: &Value) -> BTreeSet<u16> {
        let statuses = object(&operation["responses"]).map(|(status, _)| status.parse());
        statuses.map(|status| status.expect("a status")).collect()
    }

    /// Follows a reference within the document, if `value` is one.
    pub fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            None => value,
            Some(reference) => {
                let pointer = reference.strip_prefix('#').expect("within the document");
                let found = self.document.pointer(pointer);
                found.unwrap_or_else(|| panic!("{reference} leads nowhere"))
            }
        }
    }

    /// The described path that `path` is one of.
    pub fn template(&self, path: &str) -> Option<&str> {
        let fits = |template: &str| {
            let (mut template, mut path) = (template.split('/'), path.split('/'));
            loop {
                match (template.next(), path.next()) {
                    (None, None) => return true,
                    (Some(part), Some(given)) if part == given => {}
                    (Some(part), Some(given)) if part.starts_with('{') && !given.is_empty() => {}
                    _ => return false,
                }
            }
        };
        let mut templates = object(&self.document["paths"]).map(|(template, _)| template.as_str());
        templates.find(|template| fits(template))
    }

    /// Fails unless the answer to a described operation is one that the description has: its status, its headers, its
    /// media type, its body.
    #[track_caller]
    pub fn check(&self, method: &Method, path: &str, answer: &Answer) {
        let Some(template) = self.template(path) else {
            return;
        };
        let named = method.as_str().to_lowercase();
        let Some(operation) = self.document["paths"][template].get(&named) else {
            return;
        };
        let status = answer.status.as_u16();
        let here = format!("{method} {template} → {status}");
        let response = operation["responses"].get(status.to_string());
        let response =
            response.unwrap_or_else(|| panic!("{here} is not described: {}", answer.text));
        let response = self.resolved(response);
        for (name, header) in object(&response["headers"]) {
            self.check_header(&here, name, self.resolved(header), answer);
        }
        match response["content"].as_object() {
            None => assert!(
                answer.text.is_empty(),
                "{here} has no body: {}",
                answer.text
            ),
            Some(content) => {
                let described = content.get(answer.media_type());
                let described = described
                    .unwrap_or_else(|| panic!("{here}: {} not described", answer.media_type()));
                if let Some(line) = described["schema"].get("x-line") {
                    let key = format!("{here} a line");
                    for text in answer.text.lines() {
                        let read = serde_json::from_str(text);
                        let read = read.unwrap_or_else(|error| panic!("{key}: {error}: {text}"));
                        self.check_body(&key, line, &read);
                    }
                } else if answer.media_type().ends_with("json") {
                    let key = format!("{here} {}", answer.media_type());
                    self.check_body(&key, &described["schema"], &answer.body);
                }
            }
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert((template.to_owned(), method.to_string(), status));
    }

    #[track_caller]
    fn check_header(&self, here: &str, name: &str, header: &Value, answer: &Answer) {
        let Some(value) = answer.headers.get(name) else {
            let required = header["required"] == true;
            assert!(!required, "{here} lacks {name}: {:?}", answer.headers);
            return;
        };
        let text = value.to_str().expect("text");
        let value = match header["schema"]["type"].as_str() {
            Some("integer") => json!(text.parse::<u64>().expect("a whole number")),
            _ => json!(text),
        };
        self.check_body(&format!("{here} {name}"), &header["schema"], &value);
    }

    /// Fails unless `body` is what `schema`, somewhere in the document, says.
    #[track_caller]
    pub fn check_body(&self, key: &str, schema: &Value, body: &Value) {
        let validator = self.validator(key, schema);
        let errors: Vec<_> = validator
            .iter_errors(body)
            .map(|error| format!("{} at `{}`", error, error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{key}: {errors:#?}\n{body:#}");
    }

    fn validator(&self, key: &str, schema: &Value) -> Arc<Validator> {
        let mut validators = self
            .validators
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = validators.get(key) {
            return Arc::clone(validator);
        }
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "components": self.document["components"],
            "allOf": [schema],
        });
        let made = jsonschema::options()
            .should_validate_formats(true)
            .build(&whole);
        let made = Arc::new(made.unwrap_or_else(|error| panic!("{key}: no schema: {error}")));
        validators.insert(key.to_owned(), Arc::clone(&made));
        made
    }

    /// Whether an answer of this kind was seen, and found right, by this run's tests so far.
    pub fn has_seen(&self, path: &str, method: &str, status: u16) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.contains(&(path.to_owned(), method.to_owned(), status))
    }
}

/// The members of an object; none when it is no object.
fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
