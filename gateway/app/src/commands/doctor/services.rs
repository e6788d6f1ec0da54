//! Whether the sidecar and the edge answer, and whether their clocks agree with ours.

use std::time::Duration;

use aap::Timestamp;
use reqwest::header::DATE;
use smoltbot_config::Config;
use trace_plugin::{client, clock};

use super::Finding;
use crate::models::{self, Models};
use crate::{agent, background, http, lock};

/// How long the sidecar may take to answer.
const SIDECAR_WITHIN: Duration = Duration::from_secs(2);
/// How long the edge may take to answer.
const EDGE_WITHIN: Duration = Duration::from_secs(5);
/// Beyond this difference traces are listed under the time of their receipt.
const MAX_SKEW: Duration = Duration::from_mins(5);

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let running = lock::is_taken(&config.home.lock_file());
    let mut findings = vec![sidecar(config, running), models(config)];
    findings.extend(edge(config, running));
    findings
}

fn sidecar(config: &Config, running: bool) -> Finding {
    let name = "sidecar";
    if !config.enabled {
        let what = "smoltbot is switched OFF: hooks let calls pass unjudged and unrecorded";
        return Finding::wrong(name, what, "unset SMOLTBOT_ENABLED, or set it to true");
    }
    let socket = match config.home.socket(&config.sidecar) {
        Ok(socket) => socket,
        Err(error) => return Finding::wrong(name, error.to_string(), "put that right"),
    };
    match client::health(&socket, SIDECAR_WITHIN) {
        Some(health) => Finding::well(
            name,
            format!("answers on {} (pid {})", socket.display(), health.pid),
        ),
        None if running => Finding::wrong(
            name,
            format!("smoltbot runs, and does not answer on {}", socket.display()),
            "look at its log, or run `smoltbot down` and `smoltbot up --detach`",
        ),
        None if background::starts_on_demand(config) => Finding::note(
            name,
            "does not run; hooks record by themselves meanwhile, and the next one starts it",
            "`smoltbot up --detach` starts it now",
        ),
        None => Finding::wrong(
            name,
            "does not run: calls are judged and recorded, and nobody ships them",
            "run `smoltbot up --detach`",
        ),
    }
}

/// Whether somebody answers in the chat. Nobody is asked: that costs money.
fn models(config: &Config) -> Finding {
    let name = "model";
    match Models::of(config) {
        Ok(models) if models.is_empty() => Finding::note(
            name,
            "none is configured: the chat runs commands alone",
            models::HOW,
        ),
        Ok(models) => Finding::well(name, models.told()),
        Err(_) => Finding::note(
            name,
            "none is asked before the configuration is put right",
            "see config above",
        ),
    }
}

fn edge(config: &Config, running: bool) -> Vec<Finding> {
    let name = "edge";
    let base = agent::api_url(config);
    if !running && !agent::ships_elsewhere(config) {
        let what =
            format!("is part of `smoltbot up`, which does not run; {base} shows nothing meanwhile");
        return vec![Finding::note(name, what, "run `smoltbot up --detach`")];
    }
    let asked = http::block_on(async {
        let client = http::client(EDGE_WITHIN)?;
        let answer = http::get(&client, &base, aap::paths::HEALTH, &[]);
        let answer = tokio::time::timeout(EDGE_WITHIN, answer).await??;
        Ok(answer
            .headers()
            .get(DATE)
            .and_then(|date| date.to_str().ok())
            .map(str::to_owned))
    });
    match asked {
        Ok(date) => {
            let mut findings = vec![Finding::well(name, format!("answers at {base}"))];
            findings.extend(date.and_then(|date| skew(&date)));
            findings
        }
        Err(error) => vec![Finding::wrong(
            name,
            format!("{error:#}"),
            "traces wait in the spool until it answers; check the network and SMOLTBOT_API_URL",
        )],
    }
}

/// How far our clock is from the edge's, which gives its time in seconds.
fn skew(date: &str) -> Option<Finding> {
    let name = "clock";
    let theirs = imf_fixdate(date)?;
    let apart = clock::now().millis().abs_diff(theirs.millis());
    let what = format!("{} s apart from the edge's", apart / 1000);
    Some(if u128::from(apart) > MAX_SKEW.as_millis() {
        let todo =
            "set this machine's clock; traces are listed by when the edge received them until then";
        Finding::wrong(name, what, todo)
    } else {
        Finding::well(name, what)
    })
}

/// The one form of a date that HTTP servers write: `Sat, 21 Nov 2026 19:00:00 GMT` (RFC 9110, section 5.6.7).
fn imf_fixdate(date: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let words: Vec<&str> = date.split(' ').collect();
    let [_, day, month, year, time, "GMT"] = words[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    Timestamp::parse(&format!("{year}-{month:02}-{day}T{time}Z")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_date_is_read() {
        let read = imf_fixdate("Sat, 21 Nov 2026 19:00:05 GMT").map(|at| at.to_string());
        assert_eq!(read.as_deref(), Some("2026-11-21T19:00:05.000Z"));
        assert_eq!(imf_fixdate("Saturday, 21-Nov-26 19:00:05 GMT"), None);
        assert_eq!(imf_fixdate(""), None);
    }
}
