//! The router's limiter: each key's Durable Object is asked.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use aap::AgentId;
use edge_core::{KNOWN_AGENTS, LimitDecision, LimitKey, Limiter, Limits};
use worker::send::SendFuture;
use worker::{Env, Result};

use super::agent_limiter::{ADDRESS, Asked};
use super::news;
use super::rpc::post;
use crate::limits::{Answer, Question, object_name};
use crate::settings::bindings;

/// Asks Durable Objects.
pub(super) struct Counting {
    env: Env,
    limits: Limits,
    /// Agents whose object said that it remembers them. Forgotten all at once when there are too many.
    known: Mutex<HashSet<AgentId>>,
}

impl Counting {
    pub(super) fn new(env: Env, limits: Limits) -> Self {
        let known = Mutex::default();
        Self { env, limits, known }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashSet<AgentId>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self, key: LimitKey, question: Question) -> Result<Answer> {
        let object = self.env.durable_object(bindings::AGENT_LIMITER)?;
        let object = object.get_by_name(&object_name(key))?;
        let url = format!("{ADDRESS}/check?{}", question.to_query());
        let news = match key {
            LimitKey::Agent(agent) => news::take(agent),
            _ => Vec::new(),
        };
        let mut answer = if news.is_empty() {
            object.fetch_with_str(&url).await?
        } else {
            let asked = serde_json::to_vec(&Asked { news, run: None })?;
            object.fetch_with_request(post(&url, &asked)?).await?
        };
        let line = answer.text().await?;
        Answer::from_line(&line).ok_or_else(|| format!("a limiter answered {line:?}").into())
    }
}

impl Limiter for Counting {
    /// A limit that cannot be asked lets the request pass, which is told and counted: agents are not held up by it.
    fn check(&self, key: LimitKey) -> impl Future<Output = Option<LimitDecision>> + Send {
        SendFuture::new(async move {
            let question = Question::of(self.limits, key)?;
            match self.ask(key, question).await {
                Ok(answer) => {
                    if let (true, LimitKey::Agent(agent)) = (answer.known, key) {
                        let mut known = self.known();
                        if known.len() >= KNOWN_AGENTS {
                            known.clear();
                        }
                        known.insert(agent);
                    }
                    Some(question.decision(key, answer.reading))
                }
                Err(error) => {
                    tracing::error!(%error, policy = key.policy(), "a limit was not asked");
                    metrics::counter!("smoltbot_edge_limits_unasked_total").increment(1);
                    None
                }
            }
        })
    }

    fn most(&self, key: LimitKey) -> Option<u32> {
        self.limits.of(key).map(|(most, _)| most)
    }

    fn knows(&self, agent: AgentId) -> bool {
        self.known().contains(&agent)
    }
}
