//! Tools, and the one function that runs them.
//!
//! [`Toolbox::execute`] takes an [`Admitted`] call and nothing else, and hands the tool that same admission: what is
//! executed are the arguments and the directory that were judged.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use aap::{Admitted, ToolCall};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::model::ToolSpec;

mod bash;
mod capped;
mod execute_command;
mod http_fetch;
mod list_files;
mod mcp;
mod patch_file;
mod place;
mod process;
mod read_file;
mod search_files;
mod settings;
mod told;
mod toolbox;
mod walk;
mod workspace;
mod write_file;

pub use bash::Bash;
pub(crate) use capped::cut;
pub use execute_command::ExecuteCommand;
pub use http_fetch::{Allowed, HttpFetch, OddAllowance};
pub use list_files::ListFiles;
pub use mcp::{McpEndpoint, McpProgram, McpServer, McpWay, OddServer};
pub use patch_file::PatchFile;
pub use read_file::ReadFile;
pub use search_files::SearchFiles;
pub use settings::Settings;
pub(crate) use told::text;
pub use toolbox::{Executed, Toolbox};
pub use workspace::Workspace;
pub use write_file::WriteFile;

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
    fn name(&self) -> &str;

    /// What it does, in one sentence.
    fn description(&self) -> &str;

    /// JSON Schema of its arguments.
    fn schema(&self) -> Value;

    /// All of that as a model is told it.
    fn spec(&self) -> Arc<ToolSpec> {
        Arc::new(ToolSpec {
            name: self.name().to_owned(),
            description: self.description().to_owned(),
            schema: self.schema(),
        })
    }

    /// Arguments that work, for help texts.
    fn example(&self) -> &str;

    /// The directory that `call` runs in; asked before it is judged, when only its own `cwd` is not known yet.
    ///
    /// # Errors
    /// When the arguments name a directory that cannot be used.
    fn directory(&self, _call: &ToolCall, workspace: &Workspace) -> Result<String, Failure> {
        Ok(workspace.root().to_owned())
    }

    /// Does what was admitted.
    fn run<'a>(&'a self, admitted: &'a Admitted<ToolCall>, workspace: &'a Workspace)
    -> Running<'a>;
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
