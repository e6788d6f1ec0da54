//! One message on its way through the model and its tools, round after round.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;

use super::answer::{Answer, Reply, Step, StopReason};
use super::ask::Ask;
use super::compact::Why;
use super::guard::Guard;
use super::prompt::{self, Now};
use super::run::Run;
use super::soul::For;
use super::{Agent, OWNER, compact, pictures, told, words};
use crate::limits::MAX_ROUNDS;
use crate::model::{
    Delta, ErrorKind, Message, Model, ModelError, Part, Request, Role, Stop, ToolChoice, Usage,
    unfenced,
};
use crate::sessions::{Added, Past, SessionsError};

/// What a model's call that got no result is told with, so that the conversation stays whole.
const NOT_RUN: &str = "This call was ended before it brought a result.";

/// Why a turn ends without the model being done.
#[derive(Debug, thiserror::Error)]
enum Halt {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Sessions(#[from] SessionsError),
    #[error("the gateway's files could not be read; try again")]
    Reading,
}

/// A turn under way. What it has so far outlives its future, so that nothing is lost when that is dropped.
struct Turn<'a> {
    agent: &'a Agent,
    run: &'a Run,
    ask: &'a Ask,
    request: Request,
    /// Where in the request's messages this turn begins.
    from: usize,
    /// The first of them begins with the summary of what was before.
    summarised: bool,
    /// Everything that was said in words.
    said: String,
    /// What the model said in words in this round.
    round: String,
    model: String,
    usage: Usage,
    since: Instant,
    /// When the first word or thought came.
    first: Option<Duration>,
}

/// Answers `ask` with `model`.
pub(super) async fn talk(agent: &Agent, run: &Run, ask: &Ask, model: &Arc<dyn Model>) -> Answer {
    let mut turn = Turn {
        agent,
        run,
        ask,
        request: Request::default(),
        from: 0,
        summarised: false,
        said: String::new(),
        round: String::new(),
        model: String::new(),
        usage: Usage::default(),
        since: Instant::now(),
        first: None,
    };
    let ended = tokio::select! {
        biased;
        () = run.aborted() => None,
        ended = turn.go(model.as_ref()) => Some(ended),
    };
    turn.keep(ended.as_ref()).await;
    let (whole, first) = (turn.since.elapsed(), turn.first);
    let answer = turn.answer(ended);
    agent.metrics.turn(whole, first, answer.stop_reason.name());
    answer
}

impl Turn<'_> {
    async fn go(&mut self, model: &dyn Model) -> Result<(Reply, StopReason), Halt> {
        let mut past = self.prepare().await?;
        if compact::tokens(&past) > self.agent.context_tokens {
            self.shorten(&mut past, Why::Long).await?;
        }
        self.begin(&past).await?;
        let mut guard = Guard::default();
        let mut round = 0;
        loop {
            round += 1;
            let last = round >= MAX_ROUNDS || guard.is_out_of_patience();
            if last {
                self.request.tool_choice = ToolChoice::None;
            }
            let reply = match self.listen(model).await {
                // Nothing of this turn can be left out; what was before may.
                Err(error) if error.kind == ErrorKind::ContextLength && round == 1 => {
                    if !self.shorten(&mut past, Why::Refused).await? {
                        return Err(error.into());
                    }
                    self.begin(&past).await?;
                    round = 0;
                    continue;
                }
                // What was shown before may be nothing for the model that was chosen since.
                Err(error) if error.kind == ErrorKind::Picture && self.hides_earlier_pictures() => {
                    continue;
                }
                reply => reply?,
            };
            self.usage += reply.usage;
            self.model.clone_from(&reply.model);
            self.round.clear();
            let calls: Vec<Part> = reply
                .parts
                .iter()
                .filter(|part| matches!(part, Part::ToolUse { .. }))
                .cloned()
                .collect();
            self.request.messages_mut().push(Message {
                role: Role::Assistant,
                parts: reply.parts,
            });
            if last {
                let note = guard.ended(round);
                return Ok((self.words(Some(&note)), StopReason::MaxRounds));
            }
            if calls.is_empty() {
                return Ok((self.words(note(reply.stop)), why(reply.stop)));
            }
            if let Some(given) = &self.ask.given
                && !given.tools.is_empty()
            {
                let text = self.said.clone();
                let most = if given.one_call { 1 } else { calls.len() };
                let calls = calls.into_iter().take(most).collect();
                return Ok((Reply::Calls { text, calls }, StopReason::ToolUse));
            }
            let parts = self.act(&calls, &mut guard).await;
            self.request.messages_mut().push(Message {
                role: Role::User,
                parts,
            });
        }
    }

    /// What was said before, and with which model to go on.
    async fn prepare(&mut self) -> Result<Past, Halt> {
        let past = match &self.ask.given {
            Some(_) => Past::default(),
            None => self.agent.sessions.past(self.run.session()).await?,
        };
        self.request.model = match &self.ask.model {
            Some(model) => model.clone(),
            None => {
                self.agent
                    .chosen_model(self.run, past.model.clone())
                    .await?
            }
        };
        self.request.session = Some(self.run.session().to_owned());
        self.request.thinking = self
            .ask
            .thinking
            .or(past.thinking)
            .unwrap_or(self.agent.thinking);
        Ok(past)
    }

    async fn shorten(&mut self, past: &mut Past, why: Why) -> Result<bool, Halt> {
        let key = self.run.session();
        let done = self
            .agent
            .compact(key, &self.request.model, past, why)
            .await?;
        if done {
            self.run.step(Step::Note {
                text: "The conversation had grown long; its older part was put in short."
                    .to_owned(),
            });
        }
        Ok(done)
    }

    /// Writes the request.
    async fn begin(&mut self, past: &Past) -> Result<(), Halt> {
        let soul = Arc::clone(&self.agent.soul);
        let (user, channel) = (self.ask.user.clone(), self.ask.channel.clone());
        let context = self.ask.context.clone();
        let is_guest = self.ask.role != OWNER;
        let files = tokio::task::spawn_blocking(move || {
            soul.read(For {
                user: user.as_deref(),
                channel: Some(&channel),
                context: context.as_deref(),
                is_guest,
            })
        });
        let files = files.await.map_err(|_| Halt::Reading)?;
        let given = self.ask.given.as_deref().cloned().unwrap_or_default();
        let workspace = self.agent.toolbox.workspace().root();
        let extra = self.ask.extra.as_deref();
        self.request.system = prompt::system(&files, &given.system, extra, workspace).into();
        let mut messages: Vec<Message> = past
            .messages
            .iter()
            .map(|said| said.message.clone())
            .chain(given.messages)
            .collect();
        self.from = messages.len();
        let now = Now {
            date: &prompt::day((self.agent.clock)()),
            channel: &self.ask.channel,
        };
        let note = prompt::note(&messages, now);
        messages.push(Message {
            role: Role::User,
            parts: self.ask.parts.clone(),
        });
        // Words behind the results of tools are taken for a new question.
        let words = messages.iter().rposition(prompt::is_said);
        if let (Some(note), Some(at)) = (note, words) {
            messages[at].parts.push(note);
        }
        if self.ask.given.is_none() {
            pictures::bound(&mut messages, self.from);
        }
        // It is kept by itself, and belongs to whatever comes first now.
        self.summarised = past.summary.is_some();
        if let (Some(text), Some(first)) = (&past.summary, messages.first_mut()) {
            first.parts.insert(0, prompt::summary(text));
        }
        self.request.messages = Arc::new(messages);
        self.request.tools = if given.tools.is_empty() {
            self.agent.toolbox.specs().await
        } else {
            given.tools
        };
        self.request.tool_choice = given.tool_choice;
        self.request.max_tokens = given.max_tokens;
        self.request.temperature = given.temperature;
        self.request.top_p = given.top_p;
        self.request.stop = given.stop;
        self.request.format = given.format;
        Ok(())
    }

    /// Leaves out the pictures of earlier messages; false where there are none, or somebody else keeps the conversation.
    fn hides_earlier_pictures(&mut self) -> bool {
        let from = self.from;
        let earlier = &mut self.request.messages_mut()[..from];
        let hides = self.ask.given.is_none() && pictures::leave_out(earlier);
        if hides {
            let text = "The model did not take the pictures of this conversation; those of earlier messages were left out.";
            self.run.step(Step::Note {
                text: text.to_owned(),
            });
        }
        hides
    }

    /// One answer of the model, told as it comes.
    async fn listen(&mut self, model: &dyn Model) -> Result<crate::model::Reply, ModelError> {
        let (run, said, round) = (self.run, &mut self.said, &mut self.round);
        let (since, first) = (self.since, &mut self.first);
        let mut sink = |delta| {
            if matches!(delta, Delta::Text(_) | Delta::Thinking(_)) {
                first.get_or_insert_with(|| since.elapsed());
            }
            match delta {
                Delta::Text(text) => {
                    if round.is_empty() && !said.is_empty() {
                        // What was said before a tool ran is a paragraph of its own.
                        said.push_str("\n\n");
                        run.text("\n\n");
                    }
                    said.push_str(&text);
                    round.push_str(&text);
                    run.text(&text);
                }
                Delta::Thinking(text) => run.thinking(&text),
                Delta::ToolUse { .. } | Delta::ToolInput { .. } => {}
            }
        };
        model.answer(&self.request, &mut sink).await
    }

    /// Makes the calls of one answer side by side, and brings their results in the order of the calls.
    async fn act(&self, calls: &[Part], guard: &mut Guard) -> Vec<Part> {
        guard.next();
        let works = calls.iter().filter_map(|call| match call {
            Part::ToolUse { id, name, input } => {
                let told = guard.holds_back(name, input);
                Some(async move {
                    let held = told.is_some();
                    let (content, is_error) = match told {
                        Some(told) => (told, true),
                        None => self.one(id, name, input).await,
                    };
                    (id, name, input, held, content, is_error)
                })
            }
            _ => None,
        });
        let works: Vec<_> = works.collect();
        let mut parts = Vec::with_capacity(works.len());
        for (id, name, input, held, content, is_error) in join_all(works).await {
            if !held {
                guard.brought(name, input, &content);
            }
            parts.push(Part::ToolResult {
                id: id.clone(),
                name: name.clone(),
                content,
                is_error,
            });
        }
        parts
    }

    async fn one(&self, id: &str, name: &str, input: &Value) -> (String, bool) {
        let _place = self.agent.place().await;
        let reply = self
            .agent
            .call(
                self.run,
                self.ask,
                id.to_owned(),
                name.to_owned(),
                crate::model::arguments(input),
            )
            .await;
        let told = told::to_model(&reply);
        self.run.step(Step::Called {
            call_id: id.to_owned(),
            reply,
        });
        told
    }

    /// The answer in words, also where the model had none.
    fn words(&self, note: Option<&str>) -> Reply {
        if self.request.format.is_some() {
            // What was said on the way to it is no part of it.
            let last = self.request.messages.last().map(Message::text);
            let text = unfenced(&last.unwrap_or_default()).to_owned();
            return Reply::Message { text };
        }
        let mut text = self.said.clone();
        let empty = || {
            text.trim()
                .is_empty()
                .then_some("The model had nothing to say.")
        };
        // A program reads why it ended, and words that the model did not say would be in its way.
        if let Some(note) = note.or_else(empty)
            && self.ask.given.is_none()
        {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(note);
        }
        Reply::Message { text }
    }

    /// Keeps what was said, whole: every call with a result, every message with an answer.
    async fn keep(&mut self, ended: Option<&Result<(Reply, StopReason), Halt>>) {
        if self.ask.given.is_some() || self.request.messages.is_empty() {
            return;
        }
        if !self.round.is_empty() {
            let text = std::mem::take(&mut self.round);
            self.request.messages_mut().push(Message::assistant(text));
        }
        if self.summarised && self.from == 0 {
            self.request.messages_mut()[0].parts.remove(0);
        }
        let from = self.from;
        let mut messages = self.request.messages_mut().split_off(from);
        if let Some(Err(Halt::Model(error))) = ended
            && pictures::may_be_to_blame(error.kind)
        {
            pictures::leave_out(&mut messages);
        }
        match messages.last() {
            Some(last) if last.role == Role::Assistant => {
                let results: Vec<Part> = last.parts.iter().filter_map(not_run).collect();
                if !results.is_empty() {
                    messages.push(Message {
                        role: Role::User,
                        parts: results,
                    });
                    messages.push(Message::assistant("[ended before an answer]"));
                }
            }
            _ => messages.push(Message::assistant(match ended {
                None => "[ended by the user before an answer]",
                Some(_) => "[no answer: the model failed]",
            })),
        }
        let added = Added {
            key: self.run.session().to_owned(),
            channel: self.ask.channel.clone(),
            run_id: self.run.id().to_owned(),
            messages,
            usage: self.usage,
        };
        if let Err(error) = self.agent.sessions.add(added).await {
            tracing::error!(%error, session = self.run.session(), "what was said could not be kept");
            self.run.step(Step::Note {
                text: format!("This exchange could not be kept: {error}"),
            });
        }
    }

    fn answer(self, ended: Option<Result<(Reply, StopReason), Halt>>) -> Answer {
        let model = if self.model.is_empty() {
            // Nobody answered: who was asked.
            self.agent.full_name(&self.request.model)
        } else {
            self.model
        };
        let failure = match &ended {
            Some(Err(Halt::Model(error))) => Some(error.into()),
            _ => None,
        };
        let (reply, stop_reason) = match ended {
            Some(Ok(ended)) => ended,
            Some(Err(halt)) => (
                words::error(format!("I could not answer: {halt}")),
                StopReason::Error,
            ),
            None => (Reply::Aborted { text: self.said }, StopReason::Aborted),
        };
        Answer {
            session_id: self.run.session().to_owned(),
            run_id: self.run.id().to_owned(),
            reply,
            model,
            stop_reason,
            usage: self.usage,
            failure,
        }
    }
}

/// What a person is told beside the model's words.
fn note(stop: Stop) -> Option<&'static str> {
    match stop {
        Stop::Refusal => Some("The model's provider held its answer back."),
        Stop::MaxTokens => Some("[the answer is cut here: it reached the limit of tokens]"),
        Stop::EndTurn | Stop::ToolUse | Stop::StopSequence => None,
    }
}

fn why(stop: Stop) -> StopReason {
    match stop {
        Stop::EndTurn | Stop::ToolUse => StopReason::EndTurn,
        Stop::MaxTokens => StopReason::MaxTokens,
        Stop::StopSequence => StopReason::StopSequence,
        Stop::Refusal => StopReason::Refusal,
    }
}

fn not_run(part: &Part) -> Option<Part> {
    match part {
        Part::ToolUse { id, name, .. } => Some(Part::ToolResult {
            id: id.clone(),
            name: name.clone(),
            content: NOT_RUN.to_owned(),
            is_error: true,
        }),
        _ => None,
    }
}
