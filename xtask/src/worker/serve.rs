//! The Worker in workerd alone, as it is measured: wrangler puts a proxy before it and an inspector beside it, which cost as
//! much as the Worker's own work on a small request and are nowhere in Cloudflare's network.
//!
//! Out of scope: the shield and the queue, which wrangler imitates and workerd does not have. Without limits by network and
//! while Postgres answers, the Worker asks neither.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::processes::Group;
use super::tools::Tools;
use super::{build, config, dev};
use crate::health::healthy;

/// How long it may take until it is healthy.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often is asked whether it is.
const LOOK: Duration = Duration::from_millis(20);

/// A Worker in workerd; stopped when dropped.
#[derive(Debug)]
pub(crate) struct Served {
    group: Group,
    address: SocketAddr,
    /// Its bundle, and what its Durable Objects keep.
    _state: TempDir,
}

impl Served {
    /// Serves the last bundle over the migrated database at `database_url`, with `vars` set to what is told.
    ///
    /// # Errors
    /// When it ends or is not healthy in time.
    pub(crate) fn start(database_url: &str, vars: &[(&str, &str)]) -> Result<Self> {
        let address = dev::address(0)?;
        let state = tempfile::tempdir()?;
        let objects = state.path().join("objects");
        fs::create_dir(&objects)?;
        for name in build::FILES {
            fs::copy(build::dir().join(name), state.path().join(name))?;
        }
        let place = Place {
            address,
            objects: objects.to_str().context("a temporary directory of UTF-8")?,
            postgres: Postgres::of(database_url)?,
        };
        let file = state.path().join("worker.capnp");
        fs::write(&file, capnp(&config::read()?, &place, vars)?)?;
        let line = Tools::ensure()?.workerd().arg("serve").arg(&file);
        let mut served = Self {
            group: Group::start(&line)?,
            address,
            _state: state,
        };
        let began = Instant::now();
        while !healthy(address) {
            if let Some(status) = served.group.ended()? {
                bail!("workerd ended with {status} instead of serving {address}");
            }
            ensure!(
                began.elapsed() < PATIENCE,
                "workerd is not healthy on {address} after {} seconds",
                PATIENCE.as_secs()
            );
            thread::sleep(LOOK);
        }
        Ok(served)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The id of the process that is above all others of it.
    pub(crate) fn id(&self) -> u32 {
        self.group.id()
    }
}

/// What differs from run to run.
struct Place<'a> {
    address: SocketAddr,
    objects: &'a str,
    postgres: Postgres<'a>,
}

/// A database as Hyperdrive's binding names it.
#[derive(Debug, PartialEq, Eq)]
struct Postgres<'a> {
    user: &'a str,
    password: &'a str,
    address: &'a str,
    database: &'a str,
}

impl<'a> Postgres<'a> {
    /// Of `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    fn of(url: &'a str) -> Result<Self> {
        let parts = || {
            let (login, place) = url.split_once("://")?.1.rsplit_once('@')?;
            let (user, password) = login.split_once(':')?;
            let (address, database) = place.split_once('/')?;
            Some(Self {
                user,
                password,
                address,
                database,
            })
        };
        parts().context("write postgres://USER:PASSWORD@HOST:PORT/DATABASE")
    }
}

/// workerd's own form of what `wrangler.jsonc` says of bindings and classes.
fn capnp(config: &Value, place: &Place<'_>, vars: &[(&str, &str)]) -> Result<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned).context("a name");
    let list = |value: &Value| value.as_array().cloned().context("a list");
    let Postgres {
        user,
        password,
        address,
        database,
    } = place.postgres;
    let mut bindings = String::new();
    for hyperdrive in list(&config["hyperdrive"])? {
        let name = text(&hyperdrive["binding"])?;
        writeln!(
            bindings,
            "    (name = {name:?}, hyperdrive = (designator = \"postgres\", scheme = \"postgresql\", user = {user:?}, \
             password = {password:?}, database = {database:?})),"
        )?;
    }
    for object in list(&config["durable_objects"]["bindings"])? {
        let (name, class) = (text(&object["name"])?, text(&object["class_name"])?);
        writeln!(
            bindings,
            "    (name = {name:?}, durableObjectNamespace = {class:?}),"
        )?;
    }
    for (name, value) in vars {
        writeln!(bindings, "    (name = {name:?}, text = {value:?}),")?;
    }
    let mut classes = String::new();
    for class in config::classes(config) {
        writeln!(
            classes,
            "    (className = {class:?}, uniqueKey = {class:?}, enableSql = true),"
        )?;
    }
    let date = text(&config["compatibility_date"])?;
    let Place {
        address: listen,
        objects,
        ..
    } = place;
    Ok(format!(
        "using Workerd = import \"/workerd/workerd.capnp\";
const config :Workerd.Config = (
  services = [
    (name = \"edge\", worker = .edge),
    (name = \"postgres\", external = (address = {address:?}, tcp = ())),
    (name = \"objects\", disk = (path = {objects:?}, writable = true)),
  ],
  sockets = [(name = \"http\", address = \"{listen}\", http = (), service = \"edge\")],
);
const edge :Workerd.Worker = (
  modules = [
    (name = \"index.js\", esModule = embed \"index.js\"),
    (name = \"index_bg.wasm\", wasm = embed \"index_bg.wasm\"),
  ],
  compatibilityDate = {date:?},
  bindings = [
{bindings}  ],
  durableObjectNamespaces = [
{classes}  ],
  durableObjectStorage = (localDisk = \"objects\"),
);
"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_named_in_parts() {
        let parts = Postgres::of("postgres://ann:a@b@127.0.0.1:5432/db").unwrap();
        let expected = Postgres {
            user: "ann",
            password: "a@b",
            address: "127.0.0.1:5432",
            database: "db",
        };
        assert_eq!(parts, expected);
        assert!(Postgres::of("postgres://127.0.0.1/db").is_err());
    }

    #[test]
    fn every_binding_that_a_request_needs_is_there() {
        let place = Place {
            address: "127.0.0.1:8787".parse().unwrap(),
            objects: "/state",
            postgres: Postgres::of("postgres://ann:secret@127.0.0.1:5432/db").unwrap(),
        };
        let told = capnp(&config::read().unwrap(), &place, &[("LIMIT", "0")]).unwrap();
        for part in [
            "\"DB_WRITE\", hyperdrive",
            "\"DB_READ\", hyperdrive",
            "\"WRITER\", durableObjectNamespace = \"Writer\"",
            "className = \"AgentLimiter\"",
            "(name = \"LIMIT\", text = \"0\")",
            "address = \"127.0.0.1:8787\"",
        ] {
            assert!(told.contains(part), "{part} is missing in\n{told}");
        }
    }
}
