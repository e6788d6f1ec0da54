//! What the router tells of models.

use super::{Metrics, names};
use crate::model::{Asked, ErrorKind, Observer, Outcome, Usage};

impl Observer for Metrics {
    fn asked(&self, asked: &Asked<'_>) {
        // A name that a client made up gets no place of its own before its provider knows it.
        let real = asked.listed || matches!(asked.outcome, Outcome::Answered(_));
        let full = format!("{}/{}", asked.provider, asked.model);
        let place = self.models.of(&full, real);
        let model = if place == full {
            asked.model.to_owned()
        } else {
            place
        };
        let provider = asked.provider.to_owned();
        let failed = match &asked.outcome {
            Outcome::Answered(_) => None,
            Outcome::Failed(error) => Some(error.kind.name()),
            Outcome::LetGo => Some("cancelled"),
        };
        let labels = vec![
            metrics::Label::new("gen_ai_operation_name", "chat"),
            metrics::Label::new("gen_ai_provider_name", provider),
            metrics::Label::new("gen_ai_request_model", model),
        ];
        let with = |more: Option<metrics::Label>| {
            let mut labels = labels.clone();
            labels.extend(more);
            labels
        };
        let ended = with(failed.map(|kind| metrics::Label::new("error_type", kind)));
        self.record(names::MODEL, asked.whole.as_secs_f64(), move || {
            metrics::histogram!(names::MODEL, ended)
        });
        if let Some(first) = asked.first {
            let began = with(None);
            self.record(names::MODEL_FIRST, first.as_secs_f64(), move || {
                metrics::histogram!(names::MODEL_FIRST, began)
            });
        }
        if let Outcome::Answered(reply) = &asked.outcome {
            for (kind, tokens) in tokens(reply.usage) {
                let cost = with(Some(metrics::Label::new("gen_ai_token_type", kind)));
                #[expect(clippy::cast_precision_loss, reason = "no answer has 2^52 tokens")]
                self.record(names::TOKENS, tokens as f64, move || {
                    metrics::histogram!(names::TOKENS, cost)
                });
            }
        }
    }

    fn again(&self, provider: &str, kind: ErrorKind) {
        let provider = provider.to_owned();
        self.with(move || {
            metrics::counter!(names::RETRIES, "gen_ai_provider_name" => provider, "error_type" => kind.name())
                .increment(1);
        });
    }

    fn cools(&self, provider: &str, kind: ErrorKind) {
        let provider = provider.to_owned();
        self.with(move || {
            metrics::counter!(names::COOL_DOWNS, "gen_ai_provider_name" => provider, "error_type" => kind.name())
                .increment(1);
        });
    }
}

/// What is told of what an answer cost: what the cache had to do with it only where it had.
fn tokens(usage: Usage) -> impl Iterator<Item = (&'static str, u64)> {
    let always = [
        ("input", usage.prompt_tokens()),
        ("output", usage.output_tokens),
    ];
    let cached = [
        ("cache_read", usage.cache_read_tokens),
        ("cache_creation", usage.cache_write_tokens),
    ];
    let cached = cached.into_iter().filter(|(_, tokens)| *tokens > 0);
    always.into_iter().chain(cached)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Open;
    use super::*;
    use crate::limits::MAX_METRIC_MODELS;
    use crate::model::{ModelError, Reply, Stop};

    #[test]
    fn model_names_of_clients_cannot_make_it_grow() {
        let metrics = Metrics::new();
        let asked = |model: &str, listed, outcome: Outcome<'_>| {
            metrics.asked(&Asked {
                provider: "anthropic",
                model,
                listed,
                first: None,
                whole: Duration::ZERO,
                outcome,
            });
        };
        let error = ModelError {
            provider: "anthropic".to_owned(),
            kind: ErrorKind::UnknownModel,
            status: Some(404),
            retry_after: None,
            message: "no such model".to_owned(),
            begun: false,
        };
        let reply = Reply {
            model: String::new(),
            parts: Vec::new(),
            stop: Stop::EndTurn,
            usage: Usage::default(),
        };
        for number in 0..1000 {
            asked(&format!("invented{number}"), false, Outcome::Failed(&error));
        }
        asked("configured", true, Outcome::Failed(&error));
        for number in 0..2 * MAX_METRIC_MODELS {
            asked(&format!("real{number}"), false, Outcome::Answered(&reply));
        }
        let text = metrics.render(Open {
            strangers: 0,
            simple: 0,
            openclaw: 0,
            runs: 0,
        });
        assert!(!text.contains("invented") && text.contains("configured"));
        let counts = format!("{}_count", names::MODEL);
        let series = text.lines().filter(|line| line.starts_with(&counts));
        // Those with a place, and `other` that answered and that failed.
        assert_eq!(series.count(), MAX_METRIC_MODELS + 2);
    }
}
