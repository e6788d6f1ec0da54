//! Tools, and the one function that runs them.
//!
//! [`Toolbox::execute`] takes an [`Admitted`] call and nothing else, and hands the tool that same admission: what is
//! executed are the arguments and the directory that were judged.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Instant;

use aap::{Admitted, Outcome, OutcomeKind, ToolCall, TraceId};
use serde::de::DeserializeOwned;
use serde_json::Value;

mod capped;
mod execute_command;
mod list_files;
mod process;
mod read_file;
mod workspace;

pub use execute_command::ExecuteCommand;
pub use list_files::ListFiles;
pub use read_file::ReadFile;
pub use workspace::Workspace;

/// What a tool answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The answer as JSON.
    pub result: Value,
    /// The exit code of a command.
    pub exit_code: Option<i64>,
}

/// Why a tool could not do its work, in words for the person who asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What is wrong and what to do.
    pub message: String,
    /// What there is to show all the same, such as the output up to a timeout; `Null` otherwise.
    pub result: Value,
}

impl Failure {
    /// A failure with nothing to show.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            result: Value::Null,
        }
    }
}

/// A tool at work. Dropping it ends the work.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<Output, Failure>> + Send + 'a>>;

/// One tool.
pub trait Tool: Send + Sync + 'static {
    /// The name that it is called by.
    fn name(&self) -> &'static str;

    /// What it does, in one sentence.
    fn description(&self) -> &'static str;

    /// JSON Schema of its arguments.
    fn schema(&self) -> Value;

    /// Arguments that work, for help texts.
    fn example(&self) -> &'static str;

    /// The directory that a call with these arguments runs in; asked before the call is judged.
    ///
    /// # Errors
    /// When the arguments name a directory that cannot be used.
    fn directory(&self, _params: &Value, workspace: &Workspace) -> Result<String, Failure> {
        Ok(workspace.root().to_owned())
    }

    /// Does what was admitted.
    fn run<'a>(&'a self, admitted: &'a Admitted<ToolCall>, workspace: &'a Workspace)
    -> Running<'a>;
}

/// The tools of a gateway and the workspace that they work in.
pub struct Toolbox {
    tools: Vec<Box<dyn Tool>>,
    workspace: Workspace,
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Executed {
    /// The trace that tells it.
    pub trace_id: TraceId,
    /// What came of it.
    pub outcome: Outcome,
}

impl Toolbox {
    /// The tools that every gateway has.
    pub fn new(workspace: Workspace) -> Self {
        Self {
            tools: vec![
                Box::new(ReadFile),
                Box::new(ListFiles),
                Box::new(ExecuteCommand),
            ],
            workspace,
        }
    }

    /// All of them, in the order in which people read them.
    pub fn tools(&self) -> impl Iterator<Item = &dyn Tool> {
        self.tools.iter().map(AsRef::as_ref)
    }

    /// Where they work.
    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// The tool of that name.
    pub fn find(&self, name: &str) -> Option<&dyn Tool> {
        self.tools().find(|tool| tool.name() == name)
    }

    /// Where a call of `name` would run. What cannot be resolved is judged as if in the root, and fails when executed.
    pub fn directory(&self, name: &str, params: &Value) -> String {
        self.find(name)
            .and_then(|tool| tool.directory(params, &self.workspace).ok())
            .unwrap_or_else(|| self.workspace.root().to_owned())
    }

    /// Runs what was admitted and finishes the admission. Dropping the future ends the work and abandons the call.
    pub async fn execute(&self, admitted: Admitted<ToolCall>) -> Executed {
        let start = Instant::now();
        let ran = match self.find(&admitted.call().tool) {
            Some(tool) => tool.run(&admitted, &self.workspace).await,
            None => Err(self.unknown(&admitted.call().tool)),
        };
        let duration_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let outcome = match ran {
            Ok(output) => Outcome {
                exit_code: output.exit_code,
                ..Outcome::completed(output.result, duration_ms)
            },
            Err(failure) => Outcome {
                result: failure.result,
                ..Outcome::failed(failure.message, duration_ms)
            },
        };
        debug_assert_ne!(outcome.kind, OutcomeKind::Abandoned);
        Executed {
            trace_id: admitted.finish(outcome.clone()),
            outcome,
        }
    }

    fn unknown(&self, name: &str) -> Failure {
        let names: Vec<&str> = self.tools().map(Tool::name).collect();
        Failure::new(format!(
            "there is no tool `{name}`; there are: {}",
            names.join(", ")
        ))
    }
}

/// Reads the judged arguments of `tool`.
fn arguments<T: DeserializeOwned>(tool: &dyn Tool, call: &ToolCall) -> Result<T, Failure> {
    T::deserialize(&call.params).map_err(|error| {
        Failure::new(format!(
            "{error}; {} takes for example {}",
            tool.name(),
            tool.example()
        ))
    })
}

/// Does blocking work away from the event loop.
async fn blocking(
    work: impl FnOnce() -> Result<Value, Failure> + Send + 'static,
) -> Result<Output, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map(|result| Output {
            result,
            exit_code: None,
        }),
        Err(_) => Err(Failure::new("the tool stopped unexpectedly")),
    }
}

/// The path by which this process, or a child before its `exec`, reaches an open descriptor.
fn descriptor_path(descriptor: &impl std::os::fd::AsRawFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", descriptor.as_raw_fd()))
}
