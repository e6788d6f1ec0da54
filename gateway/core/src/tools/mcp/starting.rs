//! Starting a server's program, and asking it for its tools.

use std::collections::HashSet;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _};
use rmcp::model::{
    ClientCapabilities, ClientConfig, Implementation, PaginatedRequestParams, Tool as Told,
};
use rmcp::service::{NotificationContext, RoleClient, RunningService, ServiceError};
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::{ClientHandler, Peer, serve_client};
use rustix::process::Pid;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::server::Server;
use super::settings::McpProgram;
use super::{McpTool, PREFIX, example_of, schema};
use crate::limits::{
    DRAIN_AFTER_EXIT, MAX_ERROR_BYTES, MAX_MCP_DESCRIPTION_BYTES, MAX_MCP_LINE_BYTES,
    MAX_MCP_PAGES, MAX_MCP_TOOLS, MAX_OFFERED_NAME_CHARS,
};
use crate::model::ToolSpec;
use crate::tools::capped::Capped;
use crate::tools::cut;
use crate::tools::process::{Group, passed_on};

/// Listens to what a server tells by itself.
#[derive(Clone, Default)]
pub(super) struct Listener {
    /// Its tools are others now.
    pub(super) changed: Arc<Notify>,
}

impl ClientHandler for Listener {
    fn get_info(&self) -> ClientConfig {
        let us = Implementation::new("smoltbot", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), us)
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.changed.notify_one();
    }
}

/// A server that has been greeted.
pub(super) type Running = RunningService<RoleClient, Listener>;

/// A server's program, and what it says on its standard error.
pub(super) struct Program {
    child: Child,
    last_words: Arc<Mutex<Capped>>,
    listening: Option<JoinHandle<()>>,
}

impl Program {
    /// Starts it in a process group of its own, which ends with the [`Group`].
    pub(super) fn start(settings: &McpProgram, root: &str) -> Result<(Self, Group), String> {
        let mut child = Command::new(&settings.command)
            .args(&settings.args)
            .env_clear()
            .envs(passed_on())
            .envs(&settings.env)
            .current_dir(settings.cwd.as_deref().unwrap_or(root.as_ref()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("`{}` could not be started: {error}", settings.command))?;
        let group = Group::led_by(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        let last_words = Arc::new(Mutex::new(Capped::new(MAX_ERROR_BYTES)));
        let listening = child.stderr.take().map(|mut pipe| {
            let kept = Arc::clone(&last_words);
            // It ends with the program, when nobody has the other end any more.
            tokio::spawn(async move {
                let mut buffer = [0; 1024];
                while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.push(&buffer[..read]);
                }
            })
        });
        let program = Self {
            child,
            last_words,
            listening,
        };
        Ok((program, group))
    }

    /// Greets it.
    pub(super) async fn greet(&mut self, listener: Listener) -> Result<Running, String> {
        let (Some(output), Some(input)) = (self.child.stdout.take(), self.child.stdin.take())
        else {
            return Err("it has no pipes".to_owned());
        };
        let transport = AsyncRwTransport::<RoleClient, _, _>::new(output, input)
            .with_max_line_length(MAX_MCP_LINE_BYTES);
        serve_client(listener, transport)
            .await
            .map_err(|error| cut(&error.to_string(), MAX_ERROR_BYTES).0)
    }

    /// What it said on its standard error, once it has ended.
    pub(super) async fn last_words(&mut self) -> String {
        if let Some(listening) = self.listening.take() {
            // Who left its group may still hold the pipe: no reason to wait for it longer.
            let _ = timeout(DRAIN_AFTER_EXIT, listening).await;
        }
        let empty = Capped::new(MAX_ERROR_BYTES);
        let mut kept = self
            .last_words
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (text, _) = std::mem::replace(&mut *kept, empty).finish();
        match text.trim() {
            "" => String::new(),
            words => format!("; it said: {words}"),
        }
    }
}

/// Asks for all tools. What is too much or cannot be called is left out, and said.
pub(super) async fn tools(
    server: &Arc<Server>,
    peer: &Peer<RoleClient>,
) -> Result<Vec<Arc<McpTool>>, String> {
    let listing: BoxFuture<'_, _> = listed(peer).boxed();
    let told = listing
        .await
        .map_err(|error| super::answer::trouble(server.name(), &error))?;
    let mut seen = HashSet::new();
    let mut tools = Vec::new();
    for tool in told {
        let offered = offered_name(server.name(), &tool.name);
        let schema = schema::told(&tool.input_schema);
        let trouble = if tools.len() == MAX_MCP_TOOLS {
            Some("there are more tools than a server may have")
        } else if let Err(trouble) = schema {
            Some(trouble)
        } else if !seen.insert(offered.clone()) {
            Some("another of the server's tools has that name")
        } else {
            None
        };
        let (None, Ok(schema)) = (trouble, schema) else {
            tracing::warn!(server = server.name(), tool = %offered, trouble, "gateway: a tool of an MCP server is left out");
            continue;
        };
        let description = tool
            .description
            .or(tool.title.map(Into::into))
            .unwrap_or_default();
        tools.push(Arc::new(McpTool {
            server: Arc::clone(server),
            own: tool.name.into_owned(),
            example: example_of(&schema),
            spec: Arc::new(ToolSpec {
                name: offered,
                description: cut(&description, MAX_MCP_DESCRIPTION_BYTES).0,
                schema,
            }),
        }));
    }
    Ok(tools)
}

/// What it tells, page by page; no more than can be used, however many pages it has.
async fn listed(peer: &Peer<RoleClient>) -> Result<Vec<Told>, ServiceError> {
    let mut tools = Vec::new();
    let mut cursor = None;
    for _ in 0..MAX_MCP_PAGES {
        let mut page = PaginatedRequestParams::default();
        page.cursor = cursor;
        let told = peer.list_tools(Some(page)).await?;
        tools.extend(told.tools);
        cursor = told.next_cursor;
        if cursor.is_none() || tools.len() > 2 * MAX_MCP_TOOLS {
            return Ok(tools);
        }
    }
    tracing::warn!(
        pages = MAX_MCP_PAGES,
        "gateway: an MCP server tells its tools on too many pages, the rest is left out"
    );
    Ok(tools)
}

/// The name that every provider's models can say: letters, digits, `_` and `-`, not too many.
fn offered_name(server: &str, tool: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let plain: String = tool
        .chars()
        .map(|c| if fits(c) { c } else { '_' })
        .collect();
    let name = format!("{PREFIX}{server}__{plain}");
    if name.len() <= MAX_OFFERED_NAME_CHARS {
        return name;
    }
    // Two long names that begin alike stay two.
    let digest = Sha256::digest(tool.as_bytes());
    let kept = &name[..MAX_OFFERED_NAME_CHARS - 9];
    format!(
        "{kept}_{:02x}{:02x}{:02x}{:02x}",
        digest[0], digest[1], digest[2], digest[3]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_such_as_models_can_say() {
        assert_eq!(offered_name("files", "read_file"), "mcp__files__read_file");
        assert_eq!(offered_name("files", "read/ä.x"), "mcp__files__read___x");
        let (one, two) = ("x".repeat(100) + "1", "x".repeat(100) + "2");
        let (one, two) = (offered_name("files", &one), offered_name("files", &two));
        assert_eq!(one.len(), MAX_OFFERED_NAME_CHARS);
        assert!(one != two && one.starts_with("mcp__files__xxx"));
    }
}
