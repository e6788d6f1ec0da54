//! The agent: a message comes in, an answer goes out, and whatever it does on the way goes through the Gate.
//!
//! **In scope.** Runs and who follows them ([`Run`]), the rounds of model and tools, who the agent is, commands to the gateway.
//! **Out of scope.** Wires: HTTP, WebSocket and channels all come through [`Agent::start`]. Providers: `model`. What was said
//! before: `sessions`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aap::Gate;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};

mod answer;
mod ask;
mod calls;
mod command;
mod compact;
mod guard;
mod pictures;
mod prompt;
mod questions;
mod run;
mod runs;
mod settings;
mod soul;
mod told;
mod turn;
mod words;

pub use answer::{Answer, CallReply, Failure, NO_MODEL, Reply, Step, StopReason, ToolInfo};
pub use ask::{Ask, Given};
pub use questions::{Decision, Question};
pub use run::{Event, Following, Run};
pub use runs::Busy;

use crate::clock::{Clock, unique};
use crate::limits::MAX_CONCURRENT_CALLS;
use crate::metrics::Metrics;
use crate::model::{Model, Thinking};
use crate::sessions::{Sessions, SessionsError};
use crate::tools::Toolbox;
use command::Command;
use questions::Questions;
use runs::Runs;
use soul::Soul;

/// The runtime's name in every trace.
pub const RUNTIME: &str = "smoltbot";
/// Whom the agent acts for when somebody shows the gateway's token.
pub const OWNER: &str = "owner";
/// The setting that holds the model which an operator chose.
const DEFAULT_MODEL: &str = "model";

/// What an agent is made of.
pub struct Setup {
    /// The conscience in front of every tool.
    pub gate: Gate,
    /// Its tools.
    pub toolbox: Arc<Toolbox>,
    /// Its models; without any it runs commands alone.
    pub model: Option<Arc<dyn Model>>,
    /// How long they think when nobody says.
    pub thinking: Thinking,
    /// What was said before.
    pub sessions: Sessions,
    /// Where the files are that say who it is.
    pub workspace: PathBuf,
    /// Base URL of the dashboard, for links to traces.
    pub dashboard_url: String,
    /// How long a person has to answer a question.
    pub answer_within: Duration,
    /// Tokens of a conversation from which on its older part is summarised.
    pub context_tokens: usize,
    /// What is counted and measured.
    pub metrics: Arc<Metrics>,
    /// The time of day.
    pub clock: Clock,
}

/// An agent.
pub struct Agent {
    gate: Gate,
    toolbox: Arc<Toolbox>,
    model: Option<Arc<dyn Model>>,
    thinking: Thinking,
    sessions: Sessions,
    soul: Arc<Soul>,
    questions: Questions,
    dashboard_url: String,
    context_tokens: usize,
    places: Arc<Semaphore>,
    runs: Runs,
    metrics: Arc<Metrics>,
    clock: Clock,
}

/// Ends a run that its task left without an answer.
struct Ends {
    agent: Arc<Agent>,
    run: Arc<Run>,
}

impl Drop for Ends {
    fn drop(&mut self) {
        if self.run.answer().is_none() {
            let text = "the run stopped unexpectedly; the gateway's log says why".to_owned();
            self.run.end(Answer {
                stop_reason: StopReason::Error,
                ..Answer::command(&self.run, words::error(text))
            });
        }
        if let Some(answer) = self.run.answer() {
            self.agent.metrics.run_ended(answer.stop_reason.name());
        }
        self.agent.runs.end(&self.run);
    }
}

impl Agent {
    /// An agent made of `setup`.
    pub fn new(setup: Setup) -> Self {
        Self {
            gate: setup.gate,
            toolbox: setup.toolbox,
            model: setup.model,
            thinking: setup.thinking,
            sessions: setup.sessions,
            soul: Arc::new(Soul::new(setup.workspace)),
            questions: Questions::new(setup.answer_within),
            dashboard_url: setup.dashboard_url.trim_end_matches('/').to_owned(),
            context_tokens: setup.context_tokens,
            places: Arc::new(Semaphore::new(MAX_CONCURRENT_CALLS)),
            runs: Runs::new(),
            metrics: setup.metrics,
            clock: setup.clock,
        }
    }

    /// Its tools.
    pub fn toolbox(&self) -> &Toolbox {
        &self.toolbox
    }

    /// What was said.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Who makes its models; none where it has none.
    pub fn provider(&self) -> Option<&str> {
        self.model.as_ref().map(|model| model.provider())
    }

    /// Base URL of the dashboard, without a slash at its end.
    pub fn dashboard_url(&self) -> &str {
        &self.dashboard_url
    }

    pub(crate) fn questions(&self) -> &Questions {
        &self.questions
    }

    /// Begins to answer `ask`, whoever waits for it.
    ///
    /// # Errors
    /// [`Busy`] when too much is under way; then nothing was started.
    pub fn start(self: &Arc<Self>, ask: Ask) -> Result<Arc<Run>, Busy> {
        // Who calls a tool by hand is told to come back; a model's calls wait for their places.
        let place = if calls_a_tool(&ask) {
            let free = Arc::clone(&self.places).try_acquire_owned();
            Some(free.map_err(|_| Busy::Calls)?)
        } else {
            None
        };
        let run = Arc::new(Run::new(ask.session.clone(), ask.channel.clone()));
        self.runs.begin(&run)?;
        self.metrics.run_begun();
        let ends = Ends {
            agent: Arc::clone(self),
            run: Arc::clone(&run),
        };
        tokio::spawn(async move {
            let answer = ends.agent.answer(&ends.run, &ask).await;
            drop(place);
            ends.run.end(answer);
        });
        Ok(run)
    }

    /// A place for a call, when one is free.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        // Nobody closes it.
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// The run of that id, under way or lately ended.
    pub fn run(&self, id: &str) -> Option<Arc<Run>> {
        self.runs.find(id)
    }

    /// The runs under way, the oldest first.
    pub fn under_way(&self) -> Vec<Arc<Run>> {
        self.runs.under_way()
    }

    /// How many runs are under way.
    pub(crate) fn runs_under_way(&self) -> usize {
        self.runs.number()
    }

    /// Every run that begins from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Run>> {
        self.runs.listen()
    }

    /// Waits until nothing is under way.
    pub async fn rest(&self) {
        self.runs.rest().await;
    }

    /// Whether there is a model to talk with.
    pub fn talks(&self) -> bool {
        self.model.is_some()
    }

    /// The full names of the models that it can use.
    pub fn models(&self) -> Vec<String> {
        self.model
            .as_ref()
            .map(|model| model.models())
            .unwrap_or_default()
    }

    /// The model that is used where nobody says which; none means the provider's own.
    ///
    /// # Errors
    /// [`SessionsError`] when the database fails.
    pub async fn default_model(&self) -> Result<Option<String>, SessionsError> {
        self.sessions.setting(DEFAULT_MODEL).await
    }

    async fn answer(&self, run: &Run, ask: &Ask) -> Answer {
        // What somebody else keeps is a conversation, never a command.
        let text = ask.text().filter(|_| ask.given.is_none());
        let reply = match text.map(command::read) {
            None | Some(Ok(Command::Talk)) => match &self.model {
                Some(model) => return turn::talk(self, run, ask, model).await,
                None => words::message(words::no_model(&self.toolbox)),
            },
            Some(Ok(Command::Help)) => words::message(words::help(&self.toolbox)),
            Some(Ok(Command::Tools)) => words::tools(&self.toolbox),
            Some(Ok(Command::Run { tool, params })) => {
                let call = self.call(run, ask, unique().to_string(), tool, params);
                tokio::select! {
                    reply = call => reply,
                    () = run.aborted() => Reply::Aborted { text: String::new() },
                }
            }
            Some(Ok(Command::Set(setting))) => self.set(run, setting).await,
            Some(Err(unreadable)) => words::unreadable(&self.toolbox, &unreadable),
        };
        let mut answer = Answer::command(run, reply);
        if run.is_aborted() && matches!(answer.reply, Reply::Aborted { .. }) {
            answer.stop_reason = StopReason::Aborted;
        }
        answer
    }
}

/// Whether answering `ask` is making one call.
fn calls_a_tool(ask: &Ask) -> bool {
    let text = ask.text().filter(|_| ask.given.is_none());
    text.is_some_and(|text| matches!(command::read(text), Ok(Command::Run { .. })))
}
