//! One MCP server: started in the background, started again when it ends, later each time, and gone with the gateway.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rmcp::Peer;
use rmcp::service::RoleClient;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::McpTool;
use super::settings::{McpProgram, McpServer, McpWay};
use super::starting::{self, Listener, Program, Running};
use super::web;
use crate::limits::{MCP_FIRST_PAUSE, MCP_LONGEST_PAUSE, MCP_STEADY_TIME};
use crate::tools::Tool;
use crate::tools::process::Group;

/// A server and what is known of it.
pub(super) struct Server {
    settings: McpServer,
    root: String,
    now: Mutex<Now>,
    /// Whether a first attempt has come to its end, good or bad.
    settled: watch::Sender<bool>,
    /// Why there is nobody any more at the other end, once somebody has found that out.
    lost: watch::Sender<Option<String>>,
    /// Counts up when a server of this gateway begins to run, or does not any more.
    news: watch::Sender<u64>,
}

#[derive(Default)]
struct Now {
    peer: Option<Peer<RoleClient>>,
    tools: Vec<Arc<McpTool>>,
    trouble: Option<String>,
    /// Ends the program when it goes.
    group: Option<Group>,
    keeping: Option<AbortHandle>,
    closed: bool,
    /// Whether it ran when that was told last.
    ran: Option<bool>,
}

impl Server {
    /// Starts a server and keeps it running, in the background.
    pub(super) fn start(settings: McpServer, root: &str, news: watch::Sender<u64>) -> Arc<Self> {
        let server = Arc::new(Self {
            settings,
            root: root.to_owned(),
            now: Mutex::default(),
            settled: watch::Sender::new(false),
            lost: watch::Sender::new(None),
            news,
        });
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // Weak: tools hold their server, and the server holds its tools, until it is closed.
            let keeping = runtime.spawn(keep(Arc::downgrade(&server)));
            server.now().keeping = Some(keeping.abort_handle());
        }
        server
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        self.settings.name()
    }

    /// The tools that it told of last.
    pub(super) fn tools(&self) -> Vec<Arc<dyn Tool>> {
        let now = self.now();
        let tools = now.tools.iter().map(Arc::clone);
        tools.map(|tool| tool as Arc<dyn Tool>).collect()
    }

    /// How long it may take for one call.
    pub(super) fn call_within(&self) -> Duration {
        self.settings.call_within
    }

    /// Waits for the end of the first attempt to start it. One that takes longer than it may is told by [`Self::trouble`].
    pub(super) async fn settled(&self) {
        // The sender is ours: it does not go before.
        let mut settled = self.settled.subscribe();
        let settled = settled.wait_for(|settled| *settled);
        let _ = timeout(self.settings.start_within, settled).await;
    }

    /// Has it greeted anew: nobody is there any more.
    pub(super) fn lost(&self, why: String) {
        self.lost.send_replace(Some(why));
    }

    /// Whether it runs; none while it is started for the first time.
    pub(super) fn runs(&self) -> Option<bool> {
        self.now().ran
    }

    /// Why it does not run, if it does not.
    pub(super) fn trouble(&self) -> Option<String> {
        let now = self.now();
        if now.peer.is_some() {
            return None;
        }
        let why = now.trouble.as_deref().unwrap_or("it is still starting");
        Some(format!(
            "the MCP server `{}` is not running: {why}",
            self.name()
        ))
    }

    /// Whom to call.
    pub(super) async fn peer(&self) -> Result<Peer<RoleClient>, String> {
        self.settled().await;
        let peer = self.now().peer.clone();
        peer.ok_or_else(|| self.trouble().unwrap_or_default())
    }

    /// Ends it for good.
    pub(super) fn close(&self) {
        let mut now = self.now();
        now.closed = true;
        if let Some(keeping) = now.keeping.take() {
            keeping.abort();
        }
        now.peer = None;
        now.tools.clear();
        now.trouble = Some("the gateway stops".to_owned());
        drop(now.group.take());
    }

    /// Tells whether it runs, if that is new.
    fn tell(&self, runs: bool) {
        if self.now().ran.replace(runs) != Some(runs) {
            self.news.send_modify(|news| *news += 1);
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        // Whatever a panic left, the next start sets all of it.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Greets it once and follows it to its end, which is told.
    async fn live(self: &Arc<Self>) -> String {
        self.lost.send_replace(None);
        match &self.settings.way {
            McpWay::Program(program) => Box::pin(self.run(program)).await,
            McpWay::Http(endpoint) => {
                let listener = Listener::default();
                let greeting = web::greet(endpoint, listener.clone());
                Box::pin(self.follow(greeting, &listener)).await
            }
        }
    }

    /// The same with a program, which is started for it.
    async fn run(self: &Arc<Self>, program: &McpProgram) -> String {
        let (mut program, group) = match Program::start(program, &self.root) {
            Ok(started) => started,
            Err(trouble) => return trouble,
        };
        {
            let mut now = self.now();
            if now.closed {
                return String::new();
            }
            now.group = Some(group);
        }
        let listener = Listener::default();
        let greeting = program.greet(listener.clone());
        let ended = Box::pin(self.follow(greeting, &listener)).await;
        // Before the program, which would be reaped then.
        drop(self.now().group.take());
        ended + &program.last_words().await
    }

    async fn follow(
        self: &Arc<Self>,
        greeting: impl Future<Output = Result<Running, String>>,
        listener: &Listener,
    ) -> String {
        let start_within = self.settings.start_within;
        let greeted = timeout(start_within, async {
            let running = greeting.await?;
            let tools = starting::tools(self, running.peer()).await?;
            Ok::<_, String>((running, tools))
        });
        let (running, tools) = match greeted.await {
            Ok(Ok(greeted)) => greeted,
            Ok(Err(trouble)) => return trouble,
            Err(_) => {
                return format!("it did not start within {} s", start_within.as_secs_f64());
            }
        };
        let peer = running.peer().clone();
        {
            let mut now = self.now();
            now.tools = tools;
            now.trouble = None;
            now.peer = Some(peer.clone());
        }
        self.tell(true);
        self.settled.send_replace(true);
        let mut lost = self.lost.subscribe();
        let mut ending = std::pin::pin!(running.waiting());
        loop {
            tokio::select! {
                _ = &mut ending => break,
                why = found_out(&mut lost) => return why,
                () = listener.changed.notified() => {
                    match timeout(start_within, starting::tools(self, &peer)).await {
                        Ok(Ok(tools)) => self.now().tools = tools,
                        Ok(Err(trouble)) => tracing::warn!(server = self.name(), trouble, "gateway: new tools of an MCP server are not known"),
                        Err(_) => tracing::warn!(server = self.name(), "gateway: an MCP server did not tell its new tools in time"),
                    }
                }
            }
        }
        "it ended".to_owned()
    }
}

/// Waits until somebody has found out that nobody is there any more, and why.
async fn found_out(lost: &mut watch::Receiver<Option<String>>) -> String {
    match lost.wait_for(Option::is_some).await {
        Ok(why) => why.clone().unwrap_or_default(),
        // The sender is the server's, which follows itself.
        Err(_) => String::new(),
    }
}

/// Keeps a server running until it is closed or nobody has it any more.
async fn keep(server: Weak<Server>) {
    let mut pause = MCP_FIRST_PAUSE;
    loop {
        let Some(server) = server.upgrade() else {
            return;
        };
        let start = Instant::now();
        // Boxed: greeting takes much room, and most of the time nobody is greeted.
        let trouble = Box::pin(server.live()).await;
        if start.elapsed() >= MCP_STEADY_TIME {
            pause = MCP_FIRST_PAUSE;
        }
        tracing::warn!(
            server = server.name(),
            trouble,
            ?pause,
            "gateway: an MCP server does not run, it is started again"
        );
        {
            let mut now = server.now();
            now.peer = None;
            now.trouble = Some(format!(
                "{trouble}; it is started again in {} s",
                pause.as_secs()
            ));
        }
        server.tell(false);
        server.settled.send_replace(true);
        drop(server);
        tokio::time::sleep(pause).await;
        pause = next(pause);
    }
}

fn next(pause: Duration) -> Duration {
    (pause * 2).min(MCP_LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_end() {
        let pauses = std::iter::successors(Some(MCP_FIRST_PAUSE), |pause| Some(next(*pause)));
        let seconds: Vec<u64> = pauses.take(8).map(|pause| pause.as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
