//! Programs that copy files to and from other machines.

use super::args::Call;
use crate::{
    secret,
    shell::{
        Shell,
        flow::{Field, Flow, Taint},
    },
};

/// Whether an operand of a copying program is on another machine.
fn remote_host(text: &str) -> Option<String> {
    if let Some(rest) = text.split_once("://").map(|(_, rest)| rest) {
        return Some(rest.split(['/', ':']).next().unwrap_or(rest).to_owned());
    }
    let (host, _) = text.split_once(':')?;
    let name = host.rsplit('@').next().unwrap_or(host);
    (!host.contains('/') && name.len() > 1).then(|| name.to_owned())
}

pub(super) fn transfer(shell: &mut Shell<'_>, call: &Call<'_>) -> Flow {
    super::cloud::note(shell, call);
    let mut operands = call.operands(&[
        "-i",
        "-P",
        "-o",
        "-e",
        "-F",
        "-l",
        "-c",
        "-J",
        "--exclude",
        "--include",
        "--rsh",
        "--bwlimit",
    ]);
    let Some(target) = operands.pop() else {
        return Flow::unforeseen();
    };
    let mut sent = Flow::default();
    if let Some(host) = remote_host(&target.text) {
        for source in &operands {
            let flow = shell.read(source, call.name);
            sent.taint.merge(&flow.taint);
        }
        shell.send(&host, &sent, call.name);
    } else if call.name == "rsync" {
        // `--delete` empties what the source does not have.
        if call.args.iter().any(|arg| arg.text.starts_with("--delete")) {
            let path = shell.path(&target.text);
            if shell.place(&path, true) >= crate::place::Place::Home {
                shell.delete(target, true, true, call.name);
            }
        }
        if call.word("--remove-source-files") {
            for source in &operands {
                if shell.place(&shell.path(&source.text), true) >= crate::place::Place::Workspace {
                    shell.delete(source, true, true, call.name);
                }
            }
        }
        for source in operands
            .iter()
            .filter(|source| remote_host(&source.text).is_none())
        {
            let path = shell.path(&source.text);
            if secret::secret_of(&path).is_some() {
                shell.secret_at(&path, call.name);
            }
        }
    }
    fetch(shell, &operands, target);
    Flow::unforeseen()
}

/// Files that come from another machine: each is known by its own name, in the directory that is the target.
fn fetch(shell: &mut Shell<'_>, sources: &[&Field], target: &Field) {
    if remote_host(&target.text).is_some() {
        return;
    }
    for source in sources.iter().take(8) {
        let Some(host) = remote_host(&source.text) else {
            continue;
        };
        let name = source.text.rsplit(['/', ':']).next().unwrap_or_default();
        let folder = matches!(target.text.as_str(), "." | "..") || target.text.ends_with('/');
        let file = if folder {
            format!("{}/{name}", target.text.trim_end_matches('/'))
        } else {
            target.text.clone()
        };
        let came = Flow::tainted(Taint {
            downloaded: Some(host),
            unforeseen: true,
            ..Taint::default()
        });
        let file = shell.path(&file).display();
        shell.written.insert(file, came);
    }
}
