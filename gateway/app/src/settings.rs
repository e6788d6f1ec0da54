//! What each role needs of the configuration beyond that it can be read: looked at as a whole before an address is bound, a program
//! started or a line printed, with everything that is wrong told at once.
//!
//! Nobody is asked and nothing is opened for it: whether a key is good, a model there and a database reachable, shows when they are
//! used.

mod faults;

pub(crate) use faults::{Faults, both};

use std::net::SocketAddr;
use std::path::Path;

use smoltbot_config::Config;

use crate::agent;
use crate::chat::Chat;
use crate::database::Database;
use crate::stack::Receiver;

/// Of a gateway.
pub(crate) struct Gateway {
    pub(crate) chat: Chat,
    pub(crate) receiver: Option<Receiver>,
}

/// Of everything on this machine.
pub(crate) struct Up {
    pub(crate) database: Database,
    pub(crate) gateway: Gateway,
}

/// Looks at what `up` needs. `database_url` goes before the key.
pub(crate) fn of_up(config: &Config, database_url: Option<String>) -> Result<Up, Faults> {
    let apart = apart(config, &["edge.listen", "gateway.listen", "sidecar.listen"]);
    let database = both(Database::of(config, database_url), apart);
    let ((database, ()), gateway) = both(database, of_gateway(config))?;
    Ok(Up { database, gateway })
}

/// Looks at what `gateway` needs.
pub(crate) fn of_gateway(config: &Config) -> Result<Gateway, Faults> {
    let apart = apart(config, &["gateway.listen", "sidecar.listen"]);
    let files = both(both(apart, workspace(config)), conversations(config));
    let own = both(files, agent::configured_token(config));
    let outward = both(Chat::of(config), Receiver::of(config));
    let (_, (chat, receiver)) = both(own, outward)?;
    Ok(Gateway { chat, receiver })
}

/// Looks at what `sidecar` needs.
pub(crate) fn of_sidecar(config: &Config) -> Result<Option<Receiver>, Faults> {
    let token = match config.sidecar.listen {
        Some(_) => agent::configured_token(config).map(drop),
        None => Ok(()),
    };
    let (receiver, ()) = both(Receiver::of(config), token)?;
    Ok(receiver)
}

/// No two of these keys name one address.
fn apart(config: &Config, keys: &[&str]) -> Result<(), Faults> {
    let address = |key: &str| -> Option<SocketAddr> {
        match key {
            "edge.listen" => Some(config.edge.listen),
            "gateway.listen" => Some(config.gateway.listen),
            _ => config.sidecar.listen,
        }
    };
    let mut faults = Faults::default();
    for (at, key) in keys.iter().enumerate() {
        // Port 0 is another one each time.
        let taken = |address: &SocketAddr| address.port() != 0;
        let Some(own) = address(key).filter(taken) else {
            continue;
        };
        if let Some(other) = keys[..at].iter().find(|key| address(key) == Some(own)) {
            let problem = format!("is {own}, as {other} is: give each an address of its own");
            faults.add(&config.fault(key, problem));
        }
    }
    faults.unless_any(())
}

/// The directory that tools work in is one, or can be made.
fn workspace(config: &Config) -> Result<(), Faults> {
    let path = agent::workspace(config);
    let mut faults = Faults::default();
    if let Some(there) = path.ancestors().find(|path| path.exists())
        && !there.is_dir()
    {
        let problem = format!(
            "{} is no directory: name one, or leave the key out for the one in the home",
            there.display()
        );
        faults.add(&config.fault("agent.workspace", problem));
    }
    faults.unless_any(())
}

/// The file that keeps conversations can be one.
fn conversations(config: &Config) -> Result<(), Faults> {
    let mut faults = Faults::default();
    // The home's own directory is made with the agent.
    let named = config.gateway.database.as_deref();
    if let Some(Err(problem)) = named.map(file) {
        faults.add(&config.fault("gateway.database", problem));
    }
    faults.unless_any(())
}

/// Whether what is, or is to be, at `path` can be a file; what is wrong and what to do if not.
pub(crate) fn file(path: &Path) -> Result<(), String> {
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    if path.is_dir() {
        return Err(format!(
            "{} is a directory: name a file, which is made if it is not there",
            path.display()
        ));
    }
    match above.filter(|above| !above.is_dir()) {
        Some(above) => Err(format!(
            "{} is no directory: make it, or name a file elsewhere",
            above.display()
        )),
        None => Ok(()),
    }
}
