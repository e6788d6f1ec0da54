//! Opening a connection to Postgres.

use std::pin::Pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, Error};
use trace_store::StoreError;
use trace_store_postgres::{Role, lost};
use worker::postgres_tls::PassthroughTls;
use worker::{ConnectionBuilder, Env, SecureTransport, Socket};

use crate::settings::{Settings, Way, bindings};

/// How long it may take until a connection can be used.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What moves a connection's bytes; ends when its client is dropped.
pub(super) type Driver = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

/// A connection that acts under `role`.
pub(super) async fn open(
    env: &Env,
    settings: &Settings,
    role: Role,
) -> Result<(Client, Driver), StoreError> {
    let opening = Box::pin(async {
        let (client, mut driver) = match settings.way {
            Way::Hyperdrive => over_hyperdrive(env, role).await?,
            Way::PostgRest(_) => directly(env).await?,
        };
        let taking_on = Box::pin(take_on(&client, role));
        match select(taking_on, &mut driver).await {
            Either::Left((taken, _)) => taken?,
            Either::Right(_) => return Err(lost()),
        }
        Ok((client, driver))
    });
    match select(opening, super::sleep(CONNECT_TIMEOUT)).await {
        Either::Left((opened, _)) => opened,
        Either::Right(_) => Err(StoreError::Unavailable(format!(
            "Postgres did not take a connection within {} seconds",
            CONNECT_TIMEOUT.as_secs()
        ))),
    }
}

async fn take_on(client: &Client, role: Role) -> Result<(), StoreError> {
    client
        .batch_execute(role.take_on())
        .await
        .map_err(|error| unavailable("taking the role on", &error))
}

/// Whatever goes wrong here, the same call may go through later: nothing was asked yet.
fn unavailable(doing: &str, error: &dyn std::error::Error) -> StoreError {
    let mut told = format!("{doing}: {error}");
    let mut source = error.source();
    while let Some(error) = source {
        told = format!("{told}: {error}");
        source = error.source();
    }
    StoreError::Unavailable(told)
}

/// Cloudflare's end is next to the Worker and speaks plainly; the way to the database is its own business.
async fn over_hyperdrive(env: &Env, role: Role) -> Result<(Client, Driver), StoreError> {
    let binding = match role {
        Role::Writer => bindings::DB_WRITE,
        Role::Reader => bindings::DB_READ,
    };
    let connecting = |error: worker::Error| unavailable(binding, &error);
    let hyperdrive = env.hyperdrive(binding).map_err(connecting)?;
    let mut config = Config::new();
    config
        .user(hyperdrive.user())
        .password(hyperdrive.password())
        .dbname(hyperdrive.database())
        .ssl_mode(SslMode::Disable);
    let socket = hyperdrive.connect().map_err(connecting)?;
    start(&config, socket).await
}

/// The way without Hyperdrive, for reading: the secret `DATABASE_URL`, over TLS unless it says `sslmode=disable`.
async fn directly(env: &Env) -> Result<(Client, Driver), StoreError> {
    let url = env.secret(bindings::DATABASE_URL).map_err(|_| {
        StoreError::Failed("the secret DATABASE_URL is not set: reading needs it".to_owned())
    })?;
    let mut config: Config = url
        .to_string()
        .parse()
        .map_err(|_| StoreError::Failed("the secret DATABASE_URL is no Postgres URL".to_owned()))?;
    let host = match config.get_hosts().first() {
        Some(tokio_postgres::config::Host::Tcp(host)) => host.clone(),
        None => {
            let told = "the secret DATABASE_URL names no host";
            return Err(StoreError::Failed(told.to_owned()));
        }
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let plain = config.get_ssl_mode() == SslMode::Disable;
    let transport = if plain {
        SecureTransport::Off
    } else {
        config.ssl_mode(SslMode::Require);
        SecureTransport::StartTls
    };
    let socket = ConnectionBuilder::new().secure_transport(transport);
    let socket = socket.connect(host, port);
    let socket = socket.map_err(|error| unavailable(bindings::DATABASE_URL, &error))?;
    start(&config, socket).await
}

/// Encrypted by the socket itself where the configuration asks for it.
async fn start(config: &Config, socket: Socket) -> Result<(Client, Driver), StoreError> {
    let connected = config.connect_raw(socket, PassthroughTls).await;
    let (client, connection) =
        connected.map_err(|error| unavailable("connecting to Postgres", &error))?;
    Ok((client, Box::pin(connection)))
}
