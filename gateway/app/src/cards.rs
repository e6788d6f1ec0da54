//! The versions of this agent's alignment card on this machine.
//!
//! `card.json` is the card in force. Beside it, `cards/` keeps every version that was in force, signed, numbered from 1; a
//! card is put in force by writing its version first. So a card that cannot be read is never in force: the last good
//! version is, and that is told.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aap::Timestamp;
use aap::card::{AlignmentCard, Checked, Fault, SignedCard, read};
use aap::limits::MAX_CARD_BYTES;
use anyhow::{Context as _, bail};
use smoltbot_config::Home;
use trace_plugin::{Identity, clock};

use crate::agent::write_private;
use crate::policies::reading::utf8;

mod follow;

pub(crate) use follow::follow;

/// How a card's id starts that is derived from its content, and how many hexadecimal digits follow.
const DERIVED: (&str, usize) = ("ac-", 32);

/// A version that is kept here.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    /// From 1, the oldest.
    pub(crate) number: u32,
    pub(crate) signed: SignedCard,
}

/// Where versions are kept.
fn directory(home: &Home) -> PathBuf {
    home.path().join("cards")
}

/// What is wrong with a card, a line each, with the file's name.
pub(crate) fn listed(name: &str, faults: &[Fault]) -> String {
    let lines: Vec<String> = faults
        .iter()
        .map(|fault| format!("{name}: {fault}"))
        .collect();
    lines.join("\n")
}

/// A file's text; one that is far too long for a card is not read to its end.
pub(crate) fn text(path: &Path) -> anyhow::Result<String> {
    use std::io::Read as _;
    let name = path.display();
    let file = fs::File::open(path).with_context(|| format!("{name} cannot be read"))?;
    let mut bytes = Vec::new();
    file.take(MAX_CARD_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("{name} cannot be read"))?;
    utf8(bytes).map_err(|line| {
        anyhow::anyhow!("{name}: line {line}: this is not UTF-8; save the file as UTF-8")
    })
}

/// Reads the card at `path`, which must be this agent's.
pub(crate) fn at(path: &Path, identity: &Identity) -> anyhow::Result<Checked> {
    let text = text(path)?;
    read(&text, Some(identity.agent_id()))
        .map_err(|faults| anyhow::anyhow!(listed(&path.display().to_string(), &faults)))
}

/// The card in force, and what is wrong with `card.json` where that is not it.
///
/// A card that was changed by hand gets the id of its new content: traces never name a version that says something else.
pub(crate) fn in_force(
    home: &Home,
    identity: &Identity,
) -> anyhow::Result<(AlignmentCard, Vec<String>)> {
    let path = home.card_file();
    let error = match at(&path, identity) {
        Ok(Checked { mut card, .. }) => {
            rename(&mut card);
            return Ok((card, Vec::new()));
        }
        Err(error) => error,
    };
    let Some(last) = versions(home)?.pop() else {
        return Err(error.context(format!(
            "{} holds no card that can be judged by; mend it, or move it away and `smoltbot init` makes a new one",
            path.display()
        )));
    };
    let card = last.signed.alignment_card;
    if card.agent_id != identity.agent_id() {
        return Err(error);
    }
    let complaint = format!(
        "{error:#}\nthe card in force is the last good one, {} (version {}); `smoltbot card edit` makes a new one",
        card.card_id, last.number
    );
    Ok((card, vec![complaint]))
}

/// The card in force, for who judges also before there is one; what is wrong with it is told.
pub(crate) fn known(home: &Home) -> Option<AlignmentCard> {
    if !home.card_file().exists() {
        return None;
    }
    let identity = Identity::load(&home.key_file()).map_err(anyhow::Error::from);
    let found = identity.and_then(|identity| in_force(home, &identity));
    match found {
        Ok((card, complaints)) => {
            for complaint in complaints {
                tracing::warn!("{complaint}");
            }
            Some(card)
        }
        Err(error) => {
            tracing::warn!("no alignment card is judged by: {error:#}");
            None
        }
    }
}

/// Gives a card whose id was derived from another content the id of this one.
fn rename(card: &mut AlignmentCard) {
    let digits = card.card_id.strip_prefix(DERIVED.0);
    let derived = digits.is_some_and(|digits| {
        digits.len() == DERIVED.1 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    if derived {
        card.card_id = card.derived_id();
    }
}

/// The versions that are kept here, oldest first. None is no error.
pub(crate) fn versions(home: &Home) -> anyhow::Result<Vec<Version>> {
    let directory = directory(home);
    let entries = match fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(error).with_context(|| format!("{} cannot be read", directory.display()));
        }
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str());
        let number = number.and_then(|name| name.strip_suffix(".json")?.parse().ok());
        let Some(number) = number else {
            continue;
        };
        let signed = serde_json::from_str(&text(&path)?)
            .with_context(|| format!("{} is not a signed card; move it away", path.display()))?;
        found.push(Version { number, signed });
    }
    found.sort_by_key(|version| version.number);
    Ok(found)
}

/// Tells the card that was in force at a time, out of the versions of `home`.
pub(crate) fn earlier(
    home: &Home,
) -> impl Fn(Timestamp) -> Option<AlignmentCard> + Send + Sync + 'static {
    let home = home.clone();
    move |at| match versions(&home) {
        Ok(versions) => versions
            .into_iter()
            .rev()
            .map(|version| version.signed.alignment_card)
            .find(|card| card.issued_at <= at),
        Err(error) => {
            tracing::warn!("which card was in force cannot be told: {error:#}");
            None
        }
    }
}

/// Keeps `card` as a version, unless it is the newest one already; answers it signed.
pub(crate) fn keep(
    home: &Home,
    card: &AlignmentCard,
    identity: &Identity,
) -> anyhow::Result<Version> {
    let newest = versions(home)?.pop();
    if let Some(newest) = &newest
        && newest.signed.alignment_card == *card
    {
        return Ok(newest.clone());
    }
    let version = Version {
        number: newest.map_or(1, |newest| newest.number + 1),
        signed: card.clone().sign(identity.key()),
    };
    let directory = directory(home);
    fs::create_dir_all(&directory)
        .with_context(|| format!("{} cannot be made", directory.display()))?;
    let path = directory.join(format!("{:06}.json", version.number));
    write_private(&path, &serde_json::to_string_pretty(&version.signed)?)?;
    Ok(version)
}

/// Makes a new version out of `card`, and puts it in force: another id, issued now, signed.
pub(crate) fn put_in_force(
    home: &Home,
    mut card: AlignmentCard,
    identity: &Identity,
    before: &AlignmentCard,
) -> anyhow::Result<Version> {
    if card.agent_id != identity.agent_id() {
        bail!("this is agent {}'s card", card.agent_id);
    }
    // Whoever keeps both takes the one that was issued later for the one in force.
    let next = before.issued_at.millis() + 1;
    let now = clock::now();
    card.issued_at = if now.millis() < next {
        Timestamp::from_millis(next)
    } else {
        now
    };
    if card.card_id == before.card_id {
        card.card_id = card.derived_id();
    }
    let version = keep(home, &card, identity)?;
    write_private(&home.card_file(), &serde_json::to_string_pretty(&card)?)?;
    Ok(version)
}
