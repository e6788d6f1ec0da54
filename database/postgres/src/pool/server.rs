//! The database that a URL names, and how to reach it.

use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Connection, Error, Socket};
use trace_store::StoreError;

use super::tls::{Tls, Trust};

/// How long making a connection may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A database and the way to it. Says nothing of the password when it is printed.
#[derive(Clone)]
pub struct Server {
    config: Config,
    tls: Tls,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({self})")
    }
}

impl std::fmt::Display for Server {
    /// Where it is, without the login.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.as_str(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.to_str().unwrap_or("a socket"),
            None => "localhost",
        };
        let port = self.config.get_ports().first().unwrap_or(&5432);
        let database = self.config.get_dbname().unwrap_or("the user's own");
        write!(f, "database {database} at {host}:{port}")
    }
}

fn wrong(told: impl std::fmt::Display) -> StoreError {
    StoreError::Failed(format!(
        "the database's URL cannot be used: {told}; it looks like postgres://user:password@host:5432/database?sslmode=verify-full"
    ))
}

impl Server {
    /// Reads a URL as libpq does, with its defaults. `sslmode` is `disable`, `prefer` (the default), `require`: encrypted,
    /// though with whomever; `verify-ca` or `verify-full`: the certificate must be good and name the host. `sslrootcert`
    /// names a PEM file of authorities to trust instead of the public ones; with it `require` verifies, too.
    ///
    /// # Errors
    /// [`StoreError::Failed`] names what is wrong, and no password.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let (start, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut authorities, mut rest) = (None, None, Vec::new());
        for part in query.split('&').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => authorities = Some(decoded(value)),
                _ => rest.push(part),
            }
        }
        let text = format!("{start}?{}", rest.join("&"));
        let mut config = Config::from_str(text.trim_end_matches('?')).map_err(|error| {
            let cause = std::error::Error::source(&error);
            wrong(cause.map_or_else(|| error.to_string(), ToString::to_string))
        })?;
        let verify = match (mode, &authorities) {
            (Some("disable"), _) => {
                config.ssl_mode(SslMode::Disable);
                false
            }
            (None | Some("prefer"), authorities) => {
                config.ssl_mode(SslMode::Prefer);
                authorities.is_some()
            }
            (Some("require"), authorities) => {
                config.ssl_mode(SslMode::Require);
                authorities.is_some()
            }
            (Some("verify-ca" | "verify-full"), _) => {
                config.ssl_mode(SslMode::Require);
                true
            }
            (Some(other), _) => {
                return Err(wrong(format!(
                    "sslmode `{other}` is none of disable, prefer, require, verify-ca and verify-full"
                )));
            }
        };
        let trust = match (verify, &authorities) {
            (false, _) => Trust::Anybody,
            (true, None) => Trust::PublicAuthorities,
            (true, Some(file)) => Trust::File(Path::new(file)),
        };
        let tls = Tls::new(trust).map_err(wrong)?;
        if config.get_application_name().is_none() {
            config.application_name("smoltbot");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        Ok(Self { config, tls })
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn tls(&self) -> &Tls {
        &self.tls
    }

    /// A connection under the login's own rights, for migrations and upkeep. It is moved by a task of its own, which ends
    /// with the client.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] says what is in the way.
    pub async fn connect(&self) -> Result<Client, StoreError> {
        let (client, connection) = self.raw().await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the database ended");
            }
        });
        Ok(client)
    }

    pub(super) async fn raw(
        &self,
    ) -> Result<(Client, Connection<Socket, super::tls::Encrypted>), StoreError> {
        let connecting = self.config.connect(self.tls.clone());
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(connected) => connected.map_err(|error| self.refused(&error)),
            Err(_) => Err(self.silent()),
        }
    }

    /// No answer in time.
    pub(super) fn silent(&self) -> StoreError {
        StoreError::Unavailable(format!(
            "{self} did not answer within {CONNECT_TIMEOUT:?}; check that it runs and can be reached from here"
        ))
    }

    /// Why there is no connection.
    pub(super) fn refused(&self, error: &Error) -> StoreError {
        let told = if let Some(db) = error.as_db_error() {
            let advice = match *db.code() {
                SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                    "check the user and password of its URL, and pg_hba.conf"
                }
                SqlState::INVALID_CATALOG_NAME => {
                    "make it with createdb, then run `smoltbot db migrate`"
                }
                SqlState::TOO_MANY_CONNECTIONS => {
                    "make the pools smaller or its max_connections larger"
                }
                SqlState::UNDEFINED_OBJECT | SqlState::INVALID_PARAMETER_VALUE => {
                    "run `smoltbot db migrate`, which makes the roles"
                }
                SqlState::INSUFFICIENT_PRIVILEGE => {
                    "make the login a member of `ingest` and of `anon` (GRANT ingest, anon TO …)"
                }
                _ => "try again in a moment",
            };
            format!("{} (SQLSTATE {}); {advice}", db.message(), db.code().code())
        } else {
            let mut told = error.to_string();
            if let Some(cause) = std::error::Error::source(error) {
                told = format!("{told}: {cause}");
            }
            format!("{told}; check that it runs and can be reached from here")
        };
        StoreError::Unavailable(format!("{self}: {told}"))
    }
}

/// A part of a URL without its percent signs.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named_without_the_password() {
        for (url, named) in [
            ("postgres://u:secret@h:99999999/d", "port"),
            ("postgres://u:secret@h/d?sslmode=sure", "sslmode `sure`"),
            (
                "postgres://u:secret@h/d?sslmode=verify-full&sslrootcert=%2Fno%20file",
                "/no file",
            ),
            ("postgres://u:secret@h/d?colour=red", "colour"),
        ] {
            let told = Server::parse(url).unwrap_err().to_string();
            assert!(told.contains(named), "{told}");
            assert!(!told.contains("secret"), "{told}");
        }
        let server = Server::parse("postgres://u:secret@h/d").unwrap();
        assert_eq!(format!("{server:?}"), "Server(database d at h:5432)");
    }

    #[test]
    fn modes_are_libpqs() {
        for (mode, expected) in [
            ("", SslMode::Prefer),
            ("?sslmode=disable", SslMode::Disable),
            ("?sslmode=require", SslMode::Require),
            ("?sslmode=verify-full", SslMode::Require),
        ] {
            let server = Server::parse(&format!("postgres://h/d{mode}")).unwrap();
            assert_eq!(server.config.get_ssl_mode(), expected);
        }
    }
}
