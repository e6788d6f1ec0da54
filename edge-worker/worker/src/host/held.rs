//! Connections that a Durable Object keeps: one a role, one statement at a time on each.
//!
//! Several statements in flight on one connection were seen to be mixed up behind a pooler, so they take turns. A
//! connection that nobody uses is closed: an open socket keeps its object in memory, and that is paid for.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{AbortHandle, Abortable, Either, select};
use std::pin::pin;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_postgres::Client;
use trace_store::StoreError;
use trace_store_postgres::Role;
use worker::Env;
use worker::send::{SendFuture, SendWrapper};
use worker::wasm_bindgen_futures::spawn_local;

use super::connection;
use crate::settings::Settings;

/// How long somebody waits for a turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one statement may take before its connection is given up; the database's own limits are shorter.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(20);
/// A connection that was not used for so long is closed.
const IDLE: Duration = Duration::from_secs(15);

/// An open connection.
struct Open {
    client: Client,
    /// Gives it up.
    abort: AbortHandle,
    /// Milliseconds since 1970.
    used: f64,
}

type Slot = Arc<Mutex<Option<Open>>>;

/// The connections of one Durable Object.
pub(super) struct Held(SendWrapper<Rc<Inner>>);

struct Inner {
    env: Env,
    settings: Rc<Settings>,
    reader: Slot,
    writer: Slot,
    appended: Box<dyn Fn()>,
}

impl Held {
    /// None open yet. `appended` is told of every batch.
    pub(super) fn new(env: Env, settings: Rc<Settings>, appended: impl Fn() + 'static) -> Self {
        Self(SendWrapper::new(Rc::new(Inner {
            env,
            settings,
            reader: Slot::default(),
            writer: Slot::default(),
            appended: Box::new(appended),
        })))
    }
}

impl Inner {
    async fn lease(&self, role: Role) -> Result<Turn, StoreError> {
        let slot = match role {
            Role::Reader => &self.reader,
            Role::Writer => &self.writer,
        };
        let turn = pin!(Arc::clone(slot).lock_owned());
        let mut open = match select(turn, super::sleep(TURN_TIMEOUT)).await {
            Either::Left((open, _)) => open,
            Either::Right(_) => {
                return Err(StoreError::Unavailable(format!(
                    "no connection came free within {} seconds",
                    TURN_TIMEOUT.as_secs()
                )));
            }
        };
        if open.as_ref().is_none_or(|open| open.client.is_closed()) {
            *open = None;
            let (client, driver) = connection::open(&self.env, &self.settings, role).await?;
            let (abort, registration) = AbortHandle::new_pair();
            spawn_local(async move {
                if let Ok(Err(error)) = Abortable::new(driver, registration).await {
                    tracing::warn!(%error, role = role.name(), "a connection broke");
                }
            });
            spawn_local(close_when_idle(Arc::clone(slot), abort.clone()));
            *open = Some(Open {
                client,
                abort,
                used: super::now_ms(),
            });
        }
        Ok(Turn(open))
    }
}

/// Closes the connection of `abort` once nobody has used it for a while.
async fn close_when_idle(slot: Slot, abort: AbortHandle) {
    loop {
        super::sleep(IDLE).await;
        let mut open = slot.lock().await;
        if abort.is_aborted() {
            return;
        }
        match &*open {
            Some(known) if !known.client.is_closed() => {
                if super::now_ms() - known.used >= IDLE.as_secs_f64() * 1000.0 {
                    *open = None;
                    return;
                }
            }
            _ => return,
        }
    }
}

impl Held {
    /// A turn on the connection of `role`.
    pub(super) fn lease(
        &self,
        role: Role,
    ) -> impl Future<Output = Result<Turn, StoreError>> + Send {
        let inner = Rc::clone(&self.0);
        SendFuture::new(async move { inner.lease(role).await })
    }

    /// A batch was taken in over one of these.
    pub(super) fn appended(&self) {
        (self.0.appended)();
    }
}

/// A turn on a connection.
pub(super) struct Turn(OwnedMutexGuard<Option<Open>>);

impl Turn {
    fn open(&self) -> &Open {
        // A turn is made of an open connection only, and gives it up only when it ends.
        self.0.as_ref().expect("a turn has a connection")
    }

    pub(super) fn client(&self) -> &Client {
        &self.open().client
    }

    /// Runs `work`, but not for ever.
    pub(super) async fn drive<F>(&self, work: F) -> F::Output
    where
        F: Future + Send,
        F::Output: Send,
    {
        let work = pin!(work);
        match select(work, super::sleep(STATEMENT_TIMEOUT)).await {
            Either::Left((output, _)) => output,
            Either::Right(((), work)) => {
                // Ends the work with an error.
                self.open().abort.abort();
                work.await
            }
        }
    }

    /// Ends the turn.
    pub(super) async fn give_back(mut self, broken: bool) {
        if broken {
            *self.0 = None;
        } else if let Some(open) = &mut *self.0 {
            open.used = super::now_ms();
        }
    }
}
