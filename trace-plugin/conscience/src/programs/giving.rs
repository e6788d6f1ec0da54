//! Programs that give files away by commands of their own, or let others in through a tunnel.
//!
//! Not in scope: requests and sockets (`net`), copies from machine to machine (`transfer`).

use super::{args::Call, transfer::transfer};
use crate::{
    effect::{Effect, EffectKind},
    shell::{
        Shell,
        flow::{Field, Flow},
    },
};

/// Commands of clients that put files: on standard input, or in an option.
pub(super) fn put(shell: &mut Shell<'_>, call: &Call<'_>) -> Flow {
    let mut lines: Vec<String> = call
        .values(&["-e", "-c", "-b"])
        .into_iter()
        .map(|field| field.text)
        .collect();
    lines.extend(call.stdin.text.clone());
    let host = call
        .operands(&["-e", "-c", "-b", "-P", "-i", "-o", "-p", "-u", "-U"])
        .last()
        .map_or("a server", |field| field.text.as_str())
        .to_owned();
    for line in lines.iter().flat_map(|text| text.split(['\n', ';'])) {
        let mut words = line.split_whitespace();
        if !matches!(
            words.next(),
            Some("put" | "mput" | "send" | "mirror" | "append" | "reput")
        ) {
            continue;
        }
        for file in words.filter(|word| !word.starts_with('-')) {
            let flow = shell.read(&Field::known(file), call.name);
            shell.send(&host, &flow, call.name);
        }
    }
    transfer(shell, call)
}

/// Programs that give files to whoever has the word for it.
pub(super) fn give(shell: &mut Shell<'_>, call: &Call<'_>) -> Flow {
    let mut sent = call.stdin.clone();
    for file in call.operands(&["--code", "--relay", "--pass"]) {
        if !matches!(file.text.as_str(), "send" | "upload" | "file" | "cp") {
            sent.taint.merge(&shell.read(file, call.name).taint);
        }
    }
    shell.send("whoever has the code", &sent, call.name);
    Flow::unforeseen()
}

/// Tunnels that let others in: to a shell, to files, to anything; one to a web server of one's own is how it is shown.
pub(super) fn tunnel(shell: &mut Shell<'_>, call: &Call<'_>) -> Flow {
    let text = call.joined();
    let shells = ["ssh://", "tcp://", "rdp://", "smb://"]
        .iter()
        .any(|word| text.contains(word))
        || matches!(call.operand(0), "tcp" | "ssh" | "tls")
        || call
            .args
            .iter()
            .any(|arg| matches!(arg.text.as_str(), "22" | "2222" | "3389" | "5900"))
        || call.name == "chisel" && (text.contains("R:") || text.contains("--reverse"));
    if shells {
        shell.emit(Effect::new(EffectKind::RemoteShell, "whoever connects").program(call.name));
    }
    for arg in call.args {
        if let Some(path) = arg.text.strip_prefix("file://") {
            let mut flow = shell.read(&Field::known(path), call.name);
            flow.taint.bulk = flow.taint.bulk.or(Some("a directory"));
            shell.send("whoever connects", &flow, call.name);
        }
    }
    if call.name == "cloudflared" {
        super::cloud::note(shell, call);
    }
    Flow::unforeseen()
}
