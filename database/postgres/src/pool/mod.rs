//! What a native process brings: two pools, one a role; TLS; the channel on which processes wake each other.

mod notify;
mod server;
mod tls;

use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, PoolError, RecyclingMethod, Runtime,
    TimeoutType,
};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Statement};
use trace_store::StoreError;

use crate::connections::{Connections, Lease, Role};
use notify::Notifier;
pub use notify::{CHANNEL, Listener, NOTIFY_AGAIN, NOTIFY_EVERY};
pub use server::{CONNECT_TIMEOUT, Server};

/// How many connections there are, and how long one is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Connections that read. Each question takes one for some milliseconds.
    pub readers: usize,
    /// Connections that write: as many batches are committed at once.
    pub writers: usize,
    /// How long a caller waits for one of them to come free.
    pub wait: Duration,
}

impl Default for Options {
    /// Sixteen together, so that several processes fit into Postgres' hundred.
    fn default() -> Self {
        Self {
            readers: 8,
            writers: 8,
            wait: Duration::from_secs(2),
        }
    }
}

/// Pools of connections to one database.
pub struct Pool {
    readers: deadpool_postgres::Pool,
    writers: deadpool_postgres::Pool,
    server: Server,
    options: Options,
    notifier: Notifier,
}

impl Pool {
    /// Pools for the database that `url` names, such as `postgres://edge@db.example/smoltbot?sslmode=verify-full`. No
    /// connection is opened before the first is needed. To be called within a tokio runtime.
    ///
    /// # Errors
    /// [`StoreError::Failed`] when the URL cannot be read, or names a certificate file that cannot.
    pub fn connect(url: &str, options: Options) -> Result<Self, StoreError> {
        let server = Server::parse(url)?;
        let readers = pool(&server, Role::Reader, options.readers, options.wait)?;
        let writers = pool(&server, Role::Writer, options.writers, options.wait)?;
        Ok(Self {
            notifier: Notifier::start(writers.clone()),
            readers,
            writers,
            server,
            options,
        })
    }

    /// Calls `wake` whenever some process, this one included, has stored something new. Goes on until the listener is
    /// dropped; connects again, and wakes, when the connection broke.
    pub fn listen(&self, wake: impl Fn() + Send + Sync + 'static) -> Listener {
        Listener::start(self.server.clone(), wake)
    }

    /// The database, for connections beside the pools.
    pub fn server(&self) -> &Server {
        &self.server
    }

    fn of(&self, role: Role) -> (&deadpool_postgres::Pool, usize) {
        match role {
            Role::Reader => (&self.readers, self.options.readers),
            Role::Writer => (&self.writers, self.options.writers),
        }
    }

    fn refused(&self, role: Role, size: usize, error: &PoolError) -> StoreError {
        match error {
            PoolError::Timeout(TimeoutType::Wait) => StoreError::Unavailable(format!(
                "all {size} connections of role {} are busy and none came free within {:?}; try again, or make the pool larger",
                role.name(),
                self.options.wait
            )),
            PoolError::Timeout(_) => self.server.silent(),
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                self.server.refused(error)
            }
            PoolError::Closed => StoreError::Unavailable("the pool was closed".to_owned()),
            other => StoreError::Failed(other.to_string()),
        }
    }
}

fn pool(
    server: &Server,
    role: Role,
    size: usize,
    wait: Duration,
) -> Result<deadpool_postgres::Pool, StoreError> {
    let manager = Manager::from_config(
        server.config().clone(),
        server.tls().clone(),
        ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        },
    );
    deadpool_postgres::Pool::builder(manager)
        .max_size(size.max(1))
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(wait))
        .create_timeout(Some(CONNECT_TIMEOUT))
        .recycle_timeout(Some(CONNECT_TIMEOUT))
        .post_create(Hook::async_fn(move |client, _| {
            Box::pin(async move {
                let taken_on = client.batch_execute(role.take_on()).await;
                taken_on.map_err(HookError::Backend)
            })
        }))
        .build()
        .map_err(|error| StoreError::Failed(format!("the pool cannot be made: {error}")))
}

/// A connection of a pool.
pub struct Pooled {
    object: Object,
}

impl Lease for Pooled {
    fn client(&self) -> &Client {
        &self.object
    }

    async fn prepared(
        &self,
        sql: &str,
        types: &[Type],
    ) -> Result<Option<Statement>, tokio_postgres::Error> {
        let statement = self.object.prepare_typed_cached(sql, types).await?;
        Ok(Some(statement))
    }

    async fn give_back(self, broken: bool) {
        if broken {
            // The others are looked at before they are handed out again.
            drop(Object::take(self.object));
        }
    }
}

impl Connections for Pool {
    type Lease = Pooled;

    async fn lease(&self, role: Role) -> Result<Pooled, StoreError> {
        let (pool, size) = self.of(role);
        match pool.get().await {
            Ok(object) => Ok(Pooled { object }),
            Err(error) => {
                let error = self.refused(role, size, &error);
                tracing::warn!(role = role.name(), %error, "no connection");
                Err(error)
            }
        }
    }

    fn appended(&self) {
        self.notifier.wake();
    }
}
