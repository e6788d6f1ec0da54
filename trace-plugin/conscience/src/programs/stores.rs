//! Archives, histories and password managers.

use super::{args::Call, files::bulk};
use crate::{
    effect::{Effect, EffectKind},
    secret,
    shell::{
        Shell,
        flow::{Flow, Taint},
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
        return Flow::unforeseen();
    }
    let mut taint = Taint {
        bulk: Some("an archive"),
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
    for file in operands {
        taint.merge(&shell.read(file, call.name).taint);
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
