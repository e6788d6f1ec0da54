//! Whether a server's tool moves money or orders something, by its name.
//!
//! Not in scope: what else a tool does (`tools_verdict`), what a card allows an agent to spend (`card`).

use serde_json::Value;

use crate::{
    tools_server::Tool,
    verbs::{self, Doing},
};

/// What is worth money when it is sent.
const MONEY: &[&str] = &[
    "bitcoin",
    "crypto",
    "eth",
    "funds",
    "money",
    "payment",
    "sol",
    "token",
    "tokens",
    "transaction",
    "usdc",
];

/// Whether the tool pays, refunds, buys, sells or moves money.
pub(crate) fn pays(tool: &Tool<'_>) -> bool {
    let words = &tool.words;
    // A runtime's own tool that is just called `pay` is what the operator gave it for; the card bounds it.
    if words.len() < 2 && !tool.remote {
        return false;
    }
    let at = |any: &[&str]| words.iter().any(|word| any.contains(&word.as_str()));
    let side = tool
        .call
        .params
        .get("side")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let trades = at(&["order", "orders", "position"])
        && ["buy", "sell"]
            .iter()
            .any(|word| side.eq_ignore_ascii_case(word))
        && tool.doing != Some(Doing::Reads);
    let files = at(&[
        "file",
        "files",
        "data",
        "issues",
        "ownership",
        "repository",
        "repo",
        "call",
        "project",
    ]);
    let later = words.iter().any(|word| {
        verbs::doing(word) == Some(Doing::Pays)
            && !matches!(word.as_str(), "charge" | "transfer" | "transfers" | "trade")
            || {
                matches!(word.as_str(), "charge" | "transfer" | "transfers" | "trade")
                    && tool.remote
                    && !files
            }
    });
    matches!(tool.doing, Some(Doing::Pays | Doing::Makes) | None) && later
        || trades
        || at(&["place", "submit", "confirm"])
            && at(&["order", "orders", "bid", "trade", "purchase", "bet"])
        || at(&["send", "sign", "broadcast"]) && at(MONEY) && !at(&["email", "message"])
        || at(&[
            "make", "initiate", "create", "submit", "execute", "schedule",
        ]) && at(&[
            "payment",
            "payments",
            "payout",
            "withdrawal",
            "disbursement",
            "wire",
        ]) && !at(&["link", "intent", "method", "schedule", "request", "session"])
        || at(&["capture", "confirm"]) && at(&["payment", "charge"])
        || words.first().is_some_and(|word| word == "book")
            && at(&[
                "flight",
                "hotel",
                "room",
                "ticket",
                "trip",
                "ride",
                "table",
                "appointment",
            ])
}
