//! Links around a listing that filters narrow: the filters in force, what else could be chosen, where it can be taken along.

use aap::{ActionType, Timestamp};
use trace_store::Filter;

use crate::chart::between;
use crate::query::{Order, Params, Window, write_link};
use crate::text::{Shown, line, plain, short};
use crate::words::value;

/// Formats of exports: name in the address, name on the page.
const FORMATS: [(&str, &str); 3] = [("ndjson", "NDJSON"), ("csv", "CSV"), ("otlp", "OTLP JSON")];
/// Spans up to now that are a click away: as the address says them, as the page does.
const SPANS: [(&str, &str); 4] = [
    ("-1h", "1 h"),
    ("-24h", "24 h"),
    ("-7d", "7 days"),
    ("-30d", "30 days"),
];

/// A filter in force, and the address without it.
pub(crate) struct Chosen {
    pub(crate) what: &'static str,
    pub(crate) name: Shown,
    pub(crate) to: String,
}

/// Something that can be chosen, and whether it is.
pub(crate) struct Choice {
    pub(crate) to: String,
    pub(crate) words: &'static str,
    pub(crate) on: bool,
}

/// The filters in force, each with the way out of it.
pub(crate) fn chosen(params: &Params, path: &str) -> Vec<Chosen> {
    let shown = |key: &str, text: &str| match key {
        "value" => ("Value", value(text)),
        "rule" => ("Rule", line(text, 64)),
        "tool" => ("Tool", line(text, 48)),
        "agent" => ("Agent", line(&plain(&short(&text), 40), 40)),
        "runtime" => ("Runtime", line(text, 48)),
        "session" => ("Session", line(text, 48)),
        "q" => ("Text", line(text, 64)),
        "since" => ("From", line(text, 40)),
        "until" => ("To", line(text, 40)),
        _ => ("Verdict", line(verdict(text), 20)),
    };
    params
        .given()
        .filter(|(key, _)| !matches!(*key, "period" | "order" | "times"))
        .map(|(key, text)| {
            let (what, name) = shown(key, text);
            Chosen {
                what,
                name,
                to: params.link_but(path, key, None),
            }
        })
        .collect()
}

/// A verdict's word of the wire as pages say it.
pub(crate) fn verdict(word: &str) -> &str {
    match word {
        "allow" => "allowed",
        "deny" => "refused",
        "error" => "error",
        other => other,
    }
}

/// The orders of a listing.
pub(crate) fn orders(params: &Params, path: &str, in_force: Order) -> Vec<Choice> {
    let choice = |&(order, name, words): &(Order, &'static str, &'static str)| Choice {
        to: params.link_but(path, "order", (order != Order::Newest).then_some(name)),
        words,
        on: order == in_force,
    };
    Order::ALL.iter().map(choice).collect()
}

/// Spans up to now, and all of time.
pub(crate) fn spans(params: &Params, path: &str) -> Vec<Choice> {
    let timeless = Params {
        since: None,
        until: None,
        ..params.clone()
    };
    let choice = |(span, words): (Option<&str>, &'static str)| Choice {
        to: timeless.link_but(path, "since", span),
        words,
        on: params.until.is_none() && params.since.as_deref() == span,
    };
    SPANS
        .map(|(span, words)| (Some(span), words))
        .into_iter()
        .chain([(None, "All")])
        .map(choice)
        .collect()
}

/// The spans beside the one that is shown, and a wider one around it.
pub(crate) fn moves(params: &Params, path: &str, shown: Window, now: Timestamp) -> Vec<Choice> {
    let (Some(since), until) = (shown.since, shown.until.unwrap_or(now)) else {
        return Vec::new();
    };
    let timeless = Params {
        since: None,
        until: None,
        ..params.clone()
    };
    let address = timeless.link(path);
    let (since, until) = (since.millis(), until.millis());
    let length = (until - since).max(1);
    let choice = |words, since, until| Choice {
        to: between(&address, since, until),
        words,
        on: false,
    };
    let mut moves = vec![choice("← Earlier", since - length, since)];
    if until < now.millis() {
        moves.push(choice("Later →", until, until + length));
    }
    moves.push(choice("Wider", since - length / 2, until + length / 2));
    moves
}

/// How long ago, or when.
pub(crate) fn times(params: &Params, path: &str, absolute: bool) -> [Choice; 2] {
    [(None, "Ago"), (Some("utc"), "UTC")].map(|(name, words)| Choice {
        to: params.link_but(path, "times", name),
        words,
        on: name.is_some() == absolute,
    })
}

/// Everything that `filter` matches, in each format: format, address.
pub(crate) fn exports(filter: &Filter) -> Vec<(&'static str, String)> {
    let agent = filter.agent_id.map(|id| id.to_string());
    let [since, until] = [filter.since, filter.until].map(|at| at.map(|at| at.to_string()));
    let given = [
        ("agent_id", agent.as_deref()),
        ("action_type", filter.action_type.map(ActionType::as_str)),
        ("tool", filter.tool.as_deref()),
        ("session_id", filter.session_id.as_deref()),
        ("value", filter.value.as_deref()),
        ("rule_id", filter.rule_id.as_deref()),
        ("runtime", filter.runtime.as_deref()),
        ("since", since.as_deref()),
        ("until", until.as_deref()),
        ("q", filter.q.as_deref()),
    ];
    FORMATS
        .into_iter()
        .map(|(format, words)| {
            let given = given
                .into_iter()
                .filter_map(|(key, text)| Some((key, text?)));
            let all = [("format", format)].into_iter().chain(given);
            (words, write_link(aap::paths::EXPORT, all))
        })
        .collect()
}
