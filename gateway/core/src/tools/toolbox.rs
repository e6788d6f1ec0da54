//! The tools of one gateway, and the one function that runs them.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use aap::{Admitted, Outcome, OutcomeKind, ToolCall, TraceId};
use tokio::sync::watch;

use serde_json::Value;

use super::bash::Shells;
use super::mcp::Servers;
use super::{
    Bash, ExecuteCommand, Failure, HttpFetch, ListFiles, PatchFile, ReadFile, SearchFiles,
    Settings, Tool, Workspace, WriteFile, cut,
};
use crate::limits::MAX_SHOWN_ARGUMENTS;
use crate::model::{ToolSpec, unreadable};

/// The tools of a gateway and the workspace that they work in.
pub struct Toolbox {
    tools: Vec<Arc<dyn Tool>>,
    /// What models are told of those. Written when the first one is.
    specs: OnceLock<Vec<Arc<ToolSpec>>>,
    workspace: Workspace,
    shells: Arc<Shells>,
    servers: Servers,
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
    /// The tools that every gateway has, and those of MCP servers, which are started in the background.
    pub fn new(workspace: Workspace, settings: &Settings) -> Self {
        let shells = Arc::<Shells>::default();
        Self {
            servers: Servers::start(&settings.mcp_servers, &workspace),
            tools: vec![
                Arc::new(ReadFile),
                Arc::new(ListFiles),
                Arc::new(SearchFiles),
                Arc::new(WriteFile),
                Arc::new(PatchFile),
                Arc::new(ExecuteCommand),
                Arc::new(Bash::new(Arc::clone(&shells), settings.shell_start)),
                Arc::new(HttpFetch::new(settings.fetch_allow.clone())),
            ],
            specs: OnceLock::new(),
            workspace,
            shells,
        }
    }

    /// Ends what stays open between calls. Dropping the toolbox does so, too, once nobody has it any more.
    pub fn close(&self) {
        self.shells.close();
        self.servers.close();
    }

    /// Counts up when an MCP server begins to run, or does not any more.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.servers.news()
    }

    /// The names of MCP servers, and whether each runs; none while one is started for the first time.
    pub(crate) fn servers(&self) -> Vec<(&str, Option<bool>)> {
        self.servers.states()
    }

    /// All of them as they are now, in the order in which people read them.
    pub fn tools(&self) -> Vec<Arc<dyn Tool>> {
        let mut tools = self.tools.clone();
        tools.extend(self.servers.tools());
        tools
    }

    /// All of them, as a model is told. Just after the start this waits a little for MCP servers.
    pub async fn specs(&self) -> Vec<Arc<ToolSpec>> {
        self.servers.begun().await;
        let own = || self.tools.iter().map(|tool| tool.spec()).collect();
        let mut specs = self.specs.get_or_init(own).clone();
        specs.extend(self.servers.tools().iter().map(|tool| tool.spec()));
        specs
    }

    /// Where they work.
    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// The tool of that name.
    pub fn find(&self, name: &str) -> Option<Arc<dyn Tool>> {
        self.tools().into_iter().find(|tool| tool.name() == name)
    }

    /// Where `call` would run. What cannot be resolved is judged as if in the root, and fails when executed.
    pub fn directory(&self, call: &ToolCall) -> String {
        self.find(&call.tool)
            .and_then(|tool| tool.directory(call, &self.workspace).ok())
            .unwrap_or_else(|| self.workspace.root().to_owned())
    }

    /// Runs what was admitted and finishes the admission. Dropping the future ends the work and abandons the call.
    pub async fn execute(&self, admitted: Admitted<ToolCall>) -> Executed {
        let start = Instant::now();
        self.servers.settled(&admitted.call().tool).await;
        let ran = match self.find(&admitted.call().tool) {
            Some(tool) => match unreadable(&admitted.call().params) {
                None => tool.run(&admitted, &self.workspace).await,
                Some(text) => Err(not_arguments(tool.as_ref(), text)),
            },
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
        if let Some(why) = self.servers.why_not(name) {
            return Failure::new(why);
        }
        let tools = self.tools();
        let names: Vec<&str> = tools.iter().map(|tool| tool.name()).collect();
        Failure::new(format!(
            "there is no tool `{name}`; there are: {}",
            names.join(", ")
        ))
    }
}

/// The failure of a call whose arguments the model left half-written, or wrote too many of.
fn not_arguments(tool: &dyn Tool, text: &str) -> Failure {
    let problem = match serde_json::from_str::<Value>(text) {
        Ok(_) => "they are no JSON object".to_owned(),
        Err(error) => format!("they are no JSON ({error})"),
    };
    let (shown, _) = cut(text, MAX_SHOWN_ARGUMENTS);
    let name = tool.name();
    Failure::new(format!(
        "{name} was not run, for its arguments cannot be read: {problem}. They were: {shown}\nWrite the call anew; {name} takes for \
         example {}",
        tool.example()
    ))
}
