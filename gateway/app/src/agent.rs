//! Who this machine's agent is: its home, identity, card and judge. Made on the first run, read on the others.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use aap::card::AlignmentCard;
use anyhow::{Context as _, bail};
use gateway::limits::MIN_TOKEN_BYTES;
use redact::{Level, Redactor};
use smoltbot_config::{Config, ConfigError, Home, IdentityKeys};
use trace_plugin::world::Machine;
use trace_plugin::{Identity, Judge, clock};

use crate::cards;
use crate::listening;
use crate::policies::Policies;
use crate::publishing;

/// The version of `config.json` that is written.
const CONFIG_VERSION: &str = env!("CARGO_PKG_VERSION");
/// Where traces go when nothing else is said, if it was baked in at build time.
const BAKED_API_URL: Option<&str> = option_env!("SMOLTBOT_DEFAULT_API_URL");
/// Characters that a token has at least; a new one has 64, which are 256 random bits.
const MIN_TOKEN_CHARS: usize = 24;

/// This machine's agent.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) config: Config,
    pub(crate) identity: Identity,
    pub(crate) card: AlignmentCard,
    /// Whether it was made just now.
    pub(crate) is_new: bool,
}

/// Reads the configuration; a wrong one stops everything, with file, line and key.
pub(crate) fn config() -> anyhow::Result<Config> {
    let config = Config::load(&smoltbot_config::Process)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    Ok(config)
}

/// The edge that traces are shipped to and read from: the one that is set, the one baked in, or our own, which is
/// <http://127.0.0.1:8787> unless `edge.listen` says otherwise.
pub(crate) fn api_url(config: &Config) -> String {
    if let Some(url) = config.api_url.as_deref().or(BAKED_API_URL) {
        return url.to_owned();
    }
    own_edge(listening::edge(config).unwrap_or(config.edge.listen))
}

/// Whether traces go to an edge that this home does not run by itself.
pub(crate) fn ships_elsewhere(config: &Config) -> bool {
    config.api_url.is_some() || BAKED_API_URL.is_some()
}

/// The URL by which this machine reaches an edge that listens on `address`.
pub(crate) fn own_edge(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        let loopback: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        address.set_ip(loopback);
    }
    format!("http://{address}")
}

/// Whether the URL's host is this machine.
pub(crate) fn is_loopback(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else {
        return false;
    };
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_loopback()),
        None => false,
    }
}

/// The directory that the chat's agent works in.
pub(crate) fn workspace(config: &Config) -> PathBuf {
    let own = config.agent.workspace.clone();
    own.unwrap_or_else(|| config.home.workspace_dir())
}

/// Makes that directory if it is not there.
pub(crate) fn make_workspace(config: &Config) -> anyhow::Result<PathBuf> {
    let path = workspace(config);
    fs::create_dir_all(&path).with_context(|| format!("{} cannot be made", path.display()))?;
    Ok(path)
}

/// The file that keeps the chat's conversations.
pub(crate) fn conversations(config: &Config) -> PathBuf {
    let own = config.gateway.database.clone();
    own.unwrap_or_else(|| config.home.gateway_db())
}

/// What of parameters and results is published: as configured, else little to a remote edge and more to our own.
pub(crate) fn publish_level(config: &Config) -> Level {
    match config.publish.level {
        Some(level) => publishing::of(level),
        None if is_loopback(&api_url(config)) => Level::Preview,
        None => Level::Shape,
    }
}

impl Agent {
    /// Reads the agent of this home.
    pub(crate) fn load(config: Config) -> anyhow::Result<Self> {
        let identity = Identity::load(&config.home.key_file())?;
        let (card, complaints) = cards::in_force(&config.home, &identity)?;
        for complaint in complaints {
            tracing::warn!("{complaint}");
        }
        Ok(Self {
            config,
            identity,
            card,
            is_new: false,
        })
    }

    /// Reads the agent of this home, or makes one. Several processes may do so at once: the first one wins.
    pub(crate) fn load_or_make(config: Config) -> anyhow::Result<Self> {
        if config.home.key_file().exists() && config.home.card_file().exists() {
            return Self::load(config);
        }
        let home = config.home.clone();
        home.create().with_context(|| {
            format!(
                "{} cannot be made; is the disk read-only, or the directory another user's? SMOLTBOT_HOME can name another",
                home.path().display()
            )
        })?;
        let _making = wait_for_maker(&home)?;
        let identity = match Identity::load(&home.key_file()) {
            Ok(identity) => identity,
            Err(trace_plugin::identity::IdentityError::Missing(_)) => {
                Identity::create(&home.key_file())?
            }
            Err(error) => return Err(error.into()),
        };
        let now = clock::now();
        let is_new = !home.card_file().exists();
        if is_new {
            let endpoint = format!("{}{}", api_url(&config), aap::paths::TRACES);
            let card = AlignmentCard::default_for(identity.agent_id(), now, &endpoint);
            cards::keep(&home, &card, &identity)?;
            write_private(&home.card_file(), &serde_json::to_string_pretty(&card)?)?;
        }
        token(&config)?;
        config.home.write_identity(&IdentityKeys {
            agent_id: identity.agent_id().to_string(),
            created_at: now.to_string(),
            version: CONFIG_VERSION.to_owned(),
        })?;
        let config = self::config()?;
        Ok(Self {
            is_new,
            ..Self::load(config)?
        })
    }

    /// The judge of this agent's calls, with the policies as their files say at each call.
    pub(crate) fn judge(&self, roots: Vec<String>) -> Judge {
        let judge = judge(
            Policies::new(&self.config, Some(&self.card)),
            |home| publishing::redactor(&self.config, home),
            self.card.clone(),
            roots,
        );
        judge.after(cards::earlier(&self.config.home))
    }

    /// The agent's public page.
    pub(crate) fn page(&self, base: &str) -> String {
        format!("{base}{}", aap::paths::agent_page(self.identity.agent_id()))
    }
}

/// A judge under `card`, with the redactor that is made for this machine's home directory.
pub(crate) fn judge(
    policies: impl trace_plugin::Policies + 'static,
    redactor: impl FnOnce(Option<&str>) -> Redactor,
    card: AlignmentCard,
    roots: Vec<String>,
) -> Judge {
    let machine = Machine::new(roots);
    let redactor = redactor(machine.home_dir());
    Judge::new(policies, machine, redactor, card)
}

/// The gateway's token if it is configured.
///
/// # Errors
/// When it is short, or would not survive a header.
pub(crate) fn configured_token(config: &Config) -> Result<Option<String>, ConfigError> {
    let Some(token) = config.gateway.token.as_ref() else {
        return Ok(None);
    };
    let token = token.expose();
    if token.len() < MIN_TOKEN_BYTES || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let problem = format!(
            "needs at least {MIN_TOKEN_BYTES} visible ASCII characters without blanks; without the key a good token is made"
        );
        return Err(config.fault("gateway.token", problem));
    }
    Ok(Some(token.clone()))
}

/// The gateway's token: the configured one, else the one in its file, which the first call makes.
pub(crate) fn token(config: &Config) -> anyhow::Result<String> {
    if let Some(token) = configured_token(config)? {
        return Ok(token);
    }
    if config.home.token_file().exists() {
        return token_in(&config.home);
    }
    new_token(&config.home)
}

/// The token in the home's file.
pub(crate) fn token_in(home: &Home) -> anyhow::Result<String> {
    let path = home.token_file();
    let text =
        fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let token = text.trim();
    if token.len() < MIN_TOKEN_CHARS {
        bail!(
            "{} does not hold a gateway token; `smoltbot token rotate` makes a new one",
            path.display()
        );
    }
    Ok(token.to_owned())
}

/// Makes another one, and keeps it in the home's file.
pub(crate) fn new_token(home: &Home) -> anyhow::Result<String> {
    let token = clock::salt() + &clock::salt();
    write_private(&home.token_file(), &token)?;
    Ok(token)
}

/// Writes a file that only its owner may read, all of it or nothing.
pub(crate) fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let draft = path.with_extension(format!("new{}", std::process::id()));
    let write = || {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        writeln!(file, "{text}")?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}

/// One maker at a time; the others wait for it and then find everything made.
fn wait_for_maker(home: &Home) -> anyhow::Result<nix::fcntl::Flock<fs::File>> {
    use nix::fcntl::{Flock, FlockArg};
    let path = home.path().join("init.lock");
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .with_context(|| format!("{} cannot be written", path.display()))?;
    Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, error)| anyhow::anyhow!("{}: {error}", path.display()))
}
