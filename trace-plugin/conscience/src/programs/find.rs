//! `find` and `fd`: what they do to what they find.

use super::args::Call;
use crate::{
    effect::{Effect, EffectKind},
    place::Place,
    shell::{
        Shell,
        flow::{Field, Flow, Taint},
    },
};

/// Tests that narrow a search to some of the files.
const NARROWING: &[&str] = &[
    "-name",
    "-iname",
    "-path",
    "-ipath",
    "-wholename",
    "-regex",
    "-iregex",
    "-mtime",
    "-mmin",
    "-atime",
    "-amin",
    "-ctime",
    "-cmin",
    "-newer",
    "-size",
    "-empty",
    "-user",
    "-group",
    "-perm",
    "-inum",
    "-links",
];

pub(super) fn read(shell: &mut Shell<'_>, call: &Call<'_>) -> Flow {
    let fd = call.name.starts_with("fd");
    let starts: Vec<Field> = if fd {
        match call
            .operands(&["-e", "-t", "-d", "-E", "-x", "-X"])
            .get(1..)
        {
            Some([]) | None => vec![Field::known(".")],
            Some(starts) => starts
                .iter()
                .take(1)
                .map(|start| (*start).clone())
                .collect(),
        }
    } else {
        let found: Vec<Field> = call
            .args
            .iter()
            .skip_while(|arg| {
                matches!(arg.text.as_str(), "-H" | "-L" | "-P") || arg.text.starts_with("-O")
            })
            .take_while(|arg| !arg.text.starts_with('-') && !matches!(arg.text.as_str(), "(" | "!"))
            .cloned()
            .collect();
        if found.is_empty() {
            vec![Field::known(".")]
        } else {
            found
        }
    };
    let narrowed = fd && call.operand(0) != "." || narrowed(call);
    let name = call
        .values(&["-name", "-iname"])
        .first()
        .map(|field| field.text.clone())
        .filter(|_| narrowed);
    if call.word("-delete") {
        for start in &starts {
            delete(shell, start, narrowed, call.name);
        }
    }
    let mut at = 0;
    while let Some(arg) = call.args.get(at) {
        at += 1;
        if matches!(arg.text.as_str(), "-fprint" | "-fprintf" | "-fls") {
            if let Some(file) = call.args.get(at) {
                shell.write(file, false, &Flow::unforeseen(), call.name);
            }
            continue;
        }
        let runs = if fd {
            matches!(arg.text.as_str(), "-x" | "-X" | "--exec" | "--exec-batch")
        } else {
            matches!(arg.text.as_str(), "-exec" | "-execdir" | "-ok" | "-okdir")
        };
        if !runs {
            continue;
        }
        let end = call.args[at..]
            .iter()
            .position(|arg| matches!(arg.text.as_str(), ";" | "+"))
            .map_or(call.args.len(), |end| at + end);
        for start in &starts {
            run(shell, &call.args[at..end], start, narrowed, name.as_deref());
        }
        at = end;
    }
    let mut taint = Taint::unforeseen();
    taint.merge(&call.stdin.taint);
    taint.listing = starts
        .first()
        .map(|start| found(start, narrowed, name.as_deref()));
    Flow::tainted(taint)
}

/// Whether some test leaves most files alone. `-name '*'` does not.
fn narrowed(call: &Call<'_>) -> bool {
    call.args.iter().enumerate().any(|(at, arg)| {
        let negated = at > 0 && matches!(call.args[at - 1].text.as_str(), "!" | "-not");
        !negated
            && NARROWING.contains(&arg.text.as_str())
            && !call
                .args
                .get(at + 1)
                .is_some_and(|value| matches!(value.text.as_str(), "*" | "*.*" | ".*" | "?*"))
    })
}

/// Deleting what is found under `start`. A narrowed search of the working directory or of one's home is everyday work.
fn delete(shell: &mut Shell<'_>, start: &Field, narrowed: bool, program: &str) {
    let path = shell.path(&start.text);
    let place = shell.place(&path, true);
    if narrowed
        && matches!(
            place,
            Place::Ordinary | Place::Workspace | Place::TopLevel | Place::HomeData | Place::Logs
        )
    {
        shell.emit(
            Effect::new(EffectKind::Delete, format!("{}/…", path.display())).program(program),
        );
    } else {
        shell.delete(start, true, true, program);
    }
}

/// What is found under `start`, as a pattern: everything, or files of a name.
fn found(start: &Field, narrowed: bool, name: Option<&str>) -> String {
    let within = if narrowed {
        name.unwrap_or("found")
    } else {
        "*"
    };
    format!("{}/{within}", start.text.trim_end_matches('/'))
}

fn run(
    shell: &mut Shell<'_>,
    command: &[Field],
    start: &Field,
    narrowed: bool,
    name: Option<&str>,
) {
    let deletes = command.first().is_some_and(|first| {
        matches!(
            first.text.rsplit('/').next(),
            Some("rm" | "unlink" | "shred" | "rmdir")
        )
    });
    if deletes {
        if name.is_some_and(|name| !name.contains(['*', '?', '['])) {
            let found = Field {
                text: found(start, narrowed, name),
                ..start.clone()
            };
            shell.delete(&found, true, true, "find");
        } else {
            delete(shell, start, narrowed, "find");
        }
        for other in command
            .iter()
            .skip(1)
            .filter(|arg| !arg.text.starts_with('-') && !arg.text.contains("{}"))
        {
            shell.delete(other, true, true, "find");
        }
        return;
    }
    // The rights of whatever is found all over the system, narrowed or not.
    let rights = command.first().is_some_and(|first| {
        matches!(
            first.text.rsplit('/').next(),
            Some("chmod" | "chown" | "chgrp" | "setfacl" | "sed")
        )
    });
    if rights && shell.place(&shell.path(&start.text), true) >= Place::Home {
        let argv: Vec<Field> = command
            .iter()
            .map(|arg| {
                if arg.text == "{}" {
                    start.clone()
                } else {
                    arg.clone()
                }
            })
            .chain([Field::known("-R")])
            .collect();
        shell.invoke(&argv, &Flow::default());
        return;
    }
    let found = Field {
        text: found(start, narrowed, name),
        ..start.clone()
    };
    let argv: Vec<Field> = command
        .iter()
        .map(|arg| match arg.text.as_str() {
            "{}" => found.clone(),
            text if text.contains("{}") => Field {
                text: text.replace("{}", &found.text),
                ..arg.clone()
            },
            _ => arg.clone(),
        })
        .collect();
    // `sh -c 'rm "$0"' {}` and `sh -c 'rm "$1"' _ {}` get what was found as their parameters.
    if !argv.is_empty() {
        shell.invoke(&argv, &Flow::default());
    }
}
