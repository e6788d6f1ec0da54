//! Archives, histories and password managers.

use super::{args::Call, files::bulk};
use crate::{
    effect::{Effect, EffectKind},
    escape,
    place::Place,
    secret,
    shell::{
        Shell,
        flow::{Field, Flow, Taint},
    },
};

pub(super) fn pack(shell: &mut Shell<'_>, call: &Call<'_>) -> Flow {
    let first = call.args.first().map_or("", |arg| arg.text.as_str());
    for option in call.args {
        // Programs that tar starts on its way.
        if let Some(command) = option
            .text
            .strip_prefix("--checkpoint-action=exec=")
            .or_else(|| option.text.strip_prefix("--to-command="))
        {
            shell.subshell(command, &Flow::default());
        }
    }
    let creates = call.name != "tar" && call.name != "bsdtar"
        || call.has('c', "create")
        || !first.starts_with('-') && first.contains('c');
    if !creates {
        for directory in call.values(&["-C", "--directory"]) {
            unpack(shell, call, &directory);
        }
        return Flow::unforeseen();
    }
    let mut taint = Taint {
        bulk: None,
        unforeseen: true,
        ..Taint::default()
    };
    let mut operands = call.operands(&["-f", "--file", "-C", "--directory", "--exclude", "-x"]);
    let clustered = call.args.iter().find(|arg| {
        arg.text.ends_with('f')
            && !arg.text.starts_with("--")
            && arg.text.len() > 2
            && (arg.text.starts_with('-') || arg.text == first)
    });
    let mut archive = call.values(&["--file"]).first().cloned();
    if call.name == "tar" {
        if !first.starts_with('-') && !operands.is_empty() {
            operands.remove(0);
        }
        if clustered.is_some() && !operands.is_empty() {
            archive = Some(operands.remove(0).clone());
        }
    } else if !operands.is_empty() {
        let skip = usize::from(call.name == "7z").min(operands.len() - 1);
        archive = Some(operands.remove(skip).clone());
    }
    // A directory of the project is what one packs to hand it on; everything, and what is elsewhere, is not.
    let sweeping = operands.is_empty()
        || operands.iter().any(|file| {
            let path = shell.path(&file.text);
            !file.is_known()
                || file.text.starts_with(['/', '~', '-'])
                || file.text.contains("..")
                || shell.place(&path, true) >= Place::Workspace
        })
        || call
            .values(&["-C", "--directory"])
            .iter()
            .any(|directory| directory.text.starts_with(['/', '~']));
    for file in operands {
        taint.merge(&shell.read(file, call.name).taint);
    }
    if sweeping {
        taint.bulk = taint.bulk.or(Some("an archive"));
    }
    if call.word("--remove-files") {
        call.operands(&["-f"])
            .iter()
            .skip(1)
            .for_each(|file| shell.delete(file, true, true, call.name));
    }
    let flow = Flow::tainted(taint);
    match archive {
        Some(archive) if archive.text != "-" => {
            shell.write(&archive, false, &flow, call.name);
            Flow::text("")
        }
        _ => flow,
    }
}

/// Unpacking over the system's own directories; `/usr/local` and `/opt` are where unpacked programs go.
pub(super) fn unpack(shell: &mut Shell<'_>, call: &Call<'_>, directory: &Field) {
    let path = shell.path(&directory.text);
    if matches!(shell.place(&path, true), Place::Root | Place::System)
        && !matches!(
            path.display().as_str(),
            "/usr/local" | "/opt" | "/srv" | "/mnt"
        )
    {
        shell.write(directory, false, &Flow::unforeseen(), call.name);
    }
}

pub(super) fn history(shell: &mut Shell<'_>, call: &Call<'_>) -> Flow {
    if call.has('c', "") || call.has('d', "") || call.word("clear") {
        shell.emit(
            Effect::new(EffectKind::HideTracks, "history")
                .manner("wipe")
                .program("history"),
        );
        return Flow::text("");
    }
    bulk("the shell's history")
}

/// Password managers and key chains.
pub(super) fn store(shell: &mut Shell<'_>, call: &Call<'_>) -> Flow {
    super::cloud::note(shell, call);
    let shows = match call.name {
        "security" => {
            [
                "find-generic-password",
                "find-internet-password",
                "dump-keychain",
                "export",
            ]
            .contains(&call.operand(0))
                || call.any(&["find-generic-password", "dump-keychain"])
        }
        "secret-tool" => call.operand(0) == "lookup" || call.operand(0) == "search",
        "pass" | "gopass" => {
            matches!(call.operand(0), "show" | "grep")
                || call.args.len() == 1 && call.operand(0).contains('/')
        }
        "op" => {
            matches!(call.operand(0), "read" | "item" | "get") && !call.any(&["list", "--help"])
        }
        "vault" => call.operand(0) == "read" || call.operand(0) == "kv" && call.operand(1) == "get",
        "bw" | "lpass" => matches!(call.operand(0), "get" | "show" | "export"),
        _ => false,
    };
    if !shows {
        return Flow::unforeseen();
    }
    let name = format!("the {} store", call.name);
    shell.emit(
        Effect::new(EffectKind::ReadSecret, name.clone())
            .manner(secret::STORE)
            .program(call.name),
    );
    Flow::tainted(Taint::secret(name))
}

/// `tr`, where both sets are spelled out.
pub(super) fn translate(call: &Call<'_>, text: &str, taint: &mut Taint) -> Option<String> {
    let operands = call.operands(&[]);
    match operands.as_slice() {
        [set] if call.has('d', "delete") => {
            let set = escape::unescape(&set.text);
            Some(text.chars().filter(|c| !set.contains(*c)).collect())
        }
        [from, to]
            if from.text.to_lowercase().contains("a-z")
                && to.text.to_lowercase().contains("n-z") =>
        {
            taint.decoded = true;
            Some(escape::rot13(text))
        }
        [from, to] => {
            let (from, to) = (escape::unescape(&from.text), escape::unescape(&to.text));
            if from.contains('-') || from.contains('[') {
                taint.decoded = from.len() > 3;
                return None;
            }
            let to: Vec<char> = to.chars().collect();
            Some(
                text.chars()
                    .map(|c| {
                        from.chars()
                            .position(|f| f == c)
                            .and_then(|at| to.get(at).or(to.last()).copied())
                            .unwrap_or(c)
                    })
                    .collect(),
            )
        }
        _ => None,
    }
}
