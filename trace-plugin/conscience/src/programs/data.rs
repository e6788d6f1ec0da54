//! Programs that print, read, filter, pack and decode data.

use super::{
    args::Call,
    files::bulk,
    stores::{history, pack, store, translate, unpack},
};
use crate::{
    effect::{Effect, EffectKind},
    escape, secret,
    shell::{
        Shell,
        flow::{Field, Flow, Taint},
    },
};

pub(super) fn read(shell: &mut Shell<'_>, call: &Call<'_>) -> Option<Flow> {
    Some(match call.name {
        "echo" | "printf" | "print" => print(call),
        "cd" | "pushd" | "chdir" => {
            let target = call
                .operands(&[])
                .first()
                .map_or_else(|| Field::known("~"), |field| (*field).clone());
            if target.text == "-" {
                shell.scope.cwd = crate::path::Path::here();
            } else {
                shell.scope.cwd = shell.path(&target.text);
            }
            Flow::text("")
        }
        "pwd" => Flow::text(shell.scope.cwd.display()),
        "export" | "declare" | "local" | "readonly" | "typeset" => declare(shell, call),
        "unset" => {
            for name in call.args {
                if matches!(
                    name.text.as_str(),
                    "ANTHROPIC_BASE_URL" | "OPENAI_BASE_URL" | "GOOGLE_GEMINI_BASE_URL"
                ) {
                    shell.emit(
                        Effect::new(EffectKind::TamperConscience, name.text.as_str())
                            .manner("switch_off")
                            .program("unset"),
                    );
                }
                if name.text == "HISTFILE" {
                    shell.emit(
                        Effect::new(EffectKind::HideTracks, "HISTFILE")
                            .manner("history_off")
                            .program("unset"),
                    );
                }
                shell.scope.variables.insert(
                    name.text.clone(),
                    crate::shell::Variable {
                        text: Some(String::new()),
                        taint: Taint::default(),
                    },
                );
            }
            Flow::text("")
        }
        "read" => {
            let line = call
                .stdin
                .text
                .as_deref()
                .and_then(|text| text.lines().next().map(str::to_owned));
            for name in call.operands(&["-p", "-n", "-t", "-d", "-u", "-a", "-N", "-i"]) {
                let mut field = Field {
                    taint: call.stdin.taint.clone(),
                    ..Field::default()
                };
                match line.as_ref().or(call.stdin.taint.listing.as_ref()) {
                    Some(line) => line.clone_into(&mut field.text),
                    None => field.push_unknown(&format!("${}", name.text), true),
                }
                // A line of a list is a name to work with, not output that stands for a command.
                field.taint.unforeseen = false;
                shell.set(&name.text, &field);
            }
            Flow::text("")
        }
        "set" if call.args.is_empty() => bulk("the environment"),
        "set" => {
            if call.word("+o") && call.word("history") {
                shell.emit(
                    Effect::new(EffectKind::HideTracks, "history")
                        .manner("history_off")
                        .program("set"),
                );
            }
            if let Some(at) = call.args.iter().position(|arg| arg.text == "--") {
                shell.scope.positional = call.args[at + 1..].to_vec();
            }
            Flow::text("")
        }
        "printenv" => printenv(call),
        "true" | "false" | ":" | "test" | "[" | "shift" | "return" | "exit" | "break"
        | "continue" | "wait" | "sleep" | "mkdir" | "touch" | "hash" | "getopts" | "ulimit"
        | "umask" | "shopt" | "bind" | "fg" | "bg" | "jobs" | "disown" | "let" => Flow::text(""),
        "mktemp" => Flow::text(if call.has('d', "directory") {
            "/tmp/tmp.dir\n"
        } else {
            "/tmp/tmp.file\n"
        }),
        "ls" => {
            let shown = call.operands(&[]).first().map_or_else(
                || "./*".to_owned(),
                |field| {
                    if field.glob || call.has('d', "directory") {
                        field.text.clone()
                    } else {
                        format!("{}/*", field.text.trim_end_matches('/'))
                    }
                },
            );
            let mut flow = passing(call);
            flow.taint.listing = Some(shown);
            flow
        }
        // Where a program lies: its name is known, the directory is not.
        "which" | "type" => Flow::unforeseen(),
        "ps" => {
            let mut flow = passing(call);
            flow.taint.listing = Some(format!("$(ps {})", call.joined()));
            flow
        }
        "whoami" | "id" | "hostname" | "date" | "uname" | "nproc" | "basename" | "dirname"
        | "seq" | "stat" | "file" | "du" | "df" | "man" | "info" | "wc" | "tree" => passing(call),
        "yes" => bulk("endless data"),
        "cat" | "bat" | "batcat" | "tac" | "nl" | "less" | "more" | "most" | "zcat" | "gzcat"
        | "xzcat" | "bzcat" | "type-file" | "Get-Content" => show(shell, call),
        "head" | "tail" | "strings" | "xxd" | "od" | "hexdump" | "sort" | "uniq" | "cut"
        | "paste" | "rev" | "fold" | "fmt" | "column" | "tr" | "base64" | "base32" | "gbase64"
        | "basenc" | "uuencode" | "uudecode" | "openssl" | "gunzip" | "gzip" | "xz" | "bzip2"
        | "zstd" | "vim" | "vi" | "nano" | "emacs" | "view" | "diff" | "cmp" | "comm" | "iconv"
        | "expand" | "jq" | "yq" | "grep" | "egrep" | "fgrep" | "rg" | "ag" | "ack" | "zgrep"
        | "sed" | "gsed" | "split" | "dos2unix" | "pr" | "look" | "csplit" | "xmllint"
        | "tail-f" | "numfmt" | "gpg" | "gpg2" | "age" | "sops" => filter(shell, call),
        "tar" | "zip" | "7z" | "cpio" | "pax" | "rar" | "bsdtar" => pack(shell, call),
        "unzip" | "7za" => {
            for directory in call.values(&["-d"]) {
                unpack(shell, call, &directory);
            }
            let mut flow = Flow::unforeseen();
            flow.taint.decoded = call.has('p', "");
            flow
        }
        "ssh-keygen" if call.has('y', "") => {
            let mut out = Flow::unforeseen();
            for file in call.values(&["-f"]) {
                out.taint.merge(&shell.read(&file, call.name).taint);
            }
            out
        }
        "history" => history(shell, call),
        "security" | "secret-tool" | "pass" | "op" | "vault" | "keyring" | "bw" | "lpass"
        | "gopass" | "cmdkey" => store(shell, call),
        _ => return None,
    })
}

fn passing(call: &Call<'_>) -> Flow {
    let mut flow = Flow::unforeseen();
    flow.taint.merge(&call.stdin.taint);
    flow.taint.secrets.clear();
    flow
}

fn print(call: &Call<'_>) -> Flow {
    let mut args = call.args;
    let mut escapes = call.name == "printf";
    let mut newline = call.name != "printf";
    while let Some((first, rest)) = args.split_first() {
        let option = first
            .text
            .strip_prefix('-')
            .filter(|letters| !letters.is_empty() && letters.chars().all(|c| "neE".contains(c)));
        let Some(letters) = option.filter(|_| call.name != "printf") else {
            break;
        };
        escapes |= letters.contains('e');
        newline &= !letters.contains('n');
        args = rest;
    }
    let mut taint = Taint::default();
    args.iter().for_each(|arg| taint.merge(&arg.taint));
    taint.unforeseen &= !taint.secrets.is_empty() || taint.downloaded.is_some();
    if !args.iter().all(Field::is_known) {
        return Flow {
            text: None,
            taint,
            connected: true,
        };
    }
    let words: Vec<&str> = args.iter().map(|arg| arg.text.as_str()).collect();
    let mut text = if call.name == "printf" {
        format(&words)
    } else {
        words.join(" ")
    };
    if escapes {
        text = escape::unescape(&text);
    }
    if newline {
        text.push('\n');
    }
    Flow {
        text: Some(text),
        taint,
        connected: true,
    }
}

/// `printf`'s `%s`, `%b` and `%d`, reused while there are arguments.
fn format(words: &[&str]) -> String {
    let Some((pattern, mut rest)) = words.split_first() else {
        return String::new();
    };
    let mut out = String::new();
    loop {
        let before = rest.len();
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            match chars.find(|c| c.is_ascii_alphabetic() || *c == '%') {
                Some('%') => out.push('%'),
                Some(_) => {
                    if let Some((first, others)) = rest.split_first() {
                        out.push_str(first);
                        rest = others;
                    }
                }
                None => {}
            }
        }
        if rest.is_empty() || rest.len() == before {
            return out;
        }
    }
}

fn declare(shell: &mut Shell<'_>, call: &Call<'_>) -> Flow {
    if call.args.is_empty() || call.args.iter().all(|arg| arg.text == "-p") {
        return bulk("the environment");
    }
    for arg in call.args {
        if let Some((name, value)) = arg.text.split_once('=') {
            let field = Field {
                text: value.to_owned(),
                if_empty: arg.if_empty.clone(),
                taint: arg.taint.clone(),
                ..Field::default()
            };
            shell.assigned(name, &field);
            shell.set(name, &field);
        }
    }
    Flow::text("")
}

fn printenv(call: &Call<'_>) -> Flow {
    let names: Vec<&str> = call
        .operands(&[])
        .iter()
        .map(|field| field.text.as_str())
        .collect();
    if names.is_empty() {
        return bulk("the environment");
    }
    let mut taint = Taint::unforeseen();
    taint.secrets = names
        .iter()
        .filter(|name| secret::secret_variable(name))
        .map(|name| format!("${name}"))
        .collect();
    Flow::tainted(taint)
}

fn show(shell: &mut Shell<'_>, call: &Call<'_>) -> Flow {
    let files = call.operands(&["-n", "--lines"]);
    if files.is_empty() {
        return call.stdin.clone();
    }
    let mut out = Flow::text("");
    for file in files {
        let flow = if file.text == "-" {
            call.stdin.clone()
        } else {
            shell.read(file, call.name)
        };
        out = out.then(&flow);
        if matches!(
            file.text.as_str(),
            "/dev/zero" | "/dev/urandom" | "/dev/random"
        ) {
            out.taint.bulk = Some("endless data");
        }
    }
    if matches!(call.name, "zcat" | "gzcat" | "xzcat" | "bzcat") {
        out.taint.decoded = true;
        out.text = None;
    }
    out
}

/// Options with a value of the filters above.
const FILTER_VALUES: &[&str] = &[
    "-n",
    "-c",
    "-e",
    "-f",
    "-d",
    "-k",
    "-t",
    "-w",
    "-A",
    "-B",
    "-C",
    "-m",
    "-s",
    "-l",
    "-o",
    "-g",
    "--include",
    "--exclude",
    "--exclude-dir",
    "-in",
    "-out",
    "-pass",
    "-r",
    "-O",
    "--recipient",
    "--output",
];

#[expect(
    clippy::too_many_lines,
    reason = "one table: a line or two for each program"
)]
fn filter(shell: &mut Shell<'_>, call: &Call<'_>) -> Flow {
    let pattern_first = matches!(
        call.name,
        "grep"
            | "egrep"
            | "fgrep"
            | "rg"
            | "ag"
            | "ack"
            | "zgrep"
            | "sed"
            | "gsed"
            | "jq"
            | "yq"
            | "look"
    );
    let quiet = matches!(call.name, "grep" | "egrep" | "fgrep" | "rg" | "zgrep")
        && (call.has('q', "quiet")
            || call.has('c', "count")
            || call.has('l', "files-with-matches"))
        || call.name == "diff" && call.has('q', "brief");
    let decoder = decodes(call);
    let values: &[&str] = match call.name {
        "base64" | "base32" | "gbase64" => &["-w", "--wrap"],
        "xxd" => &["-c", "-l", "-s", "-g", "-o"],
        "od" | "hexdump" => &["-A", "-t", "-j", "-N", "-n", "-s", "-e"],
        "jq" | "yq" => &["--arg", "--argjson", "-f"],
        "sed" | "gsed" | "grep" | "egrep" | "fgrep" | "rg" => &[
            "-e",
            "-f",
            "-A",
            "-B",
            "-C",
            "-m",
            "--include",
            "--exclude",
            "--exclude-dir",
            "-g",
            "-t",
        ],
        _ => FILTER_VALUES,
    };
    let skip = if matches!(call.name, "tr" | "openssl" | "iconv") {
        usize::MAX
    } else {
        usize::from(pattern_first && call.values(&["-e", "--regexp", "--expression"]).is_empty())
    };
    let mut files: Vec<Field> = call
        .operands(values)
        .into_iter()
        .skip(skip)
        .cloned()
        .collect();
    files.extend(call.values(&["-in"]));
    if call.name == "vim" || call.name == "vi" || call.name == "nvim" {
        for command in call.values(&["-c"]) {
            if let Some(text) = command.text.trim_start_matches(':').strip_prefix('!') {
                shell.subshell(text, &Flow::default());
            }
        }
    }
    if matches!(call.name, "sed" | "gsed") {
        // The command `e` of sed runs the rest of its line.
        for script in call.args.iter().filter(|arg| !arg.text.starts_with("--")) {
            if let Some(command) = script
                .text
                .trim_start_matches(|c: char| c.is_ascii_digit() || c == '$')
                .strip_prefix("e ")
            {
                shell.subshell(command, &Flow::default());
            }
        }
    }
    if call.name.starts_with("gpg")
        && call
            .args
            .iter()
            .any(|arg| arg.text.starts_with("--export-secret"))
    {
        shell.emit(
            Effect::new(EffectKind::ReadSecret, "the GnuPG key ring")
                .manner(secret::STORE)
                .program(call.name),
        );
        return Flow::tainted(Taint::secret("the GnuPG key ring"));
    }
    let mut input = if files.is_empty() {
        call.stdin.clone()
    } else {
        Flow::text("")
    };
    for file in files.iter().filter(|_| !quiet) {
        let flow = shell.read(file, call.name);
        input = input.then(&flow);
    }
    // A search narrows a list down to what is meant.
    let narrows = match call.name {
        "grep" | "egrep" | "fgrep" | "rg" | "ag" => {
            !call.has('v', "invert-match") && !matches!(call.operand(0), "" | "." | ".*" | "/")
        }
        "head" | "tail" | "sed" | "gsed" => true,
        _ => false,
    };
    if narrows
        && let Some(listing) = input.taint.listing.take()
        && let Some(within) = listing.strip_suffix("/*")
    {
        input.taint.listing = Some(format!("{within}/found"));
    }
    // What is changed on the way is no longer the text that came in.
    let text = input.text.take();
    input.connected = true;
    if let Some(decode) = decoder {
        input.taint.decoded = true;
        input.text = text.as_deref().and_then(decode);
        return input;
    }
    input.text = match call.name {
        "tr" => text.and_then(|text| translate(call, &text, &mut input.taint)),
        "head" | "tail" | "sort" | "uniq" | "column" | "fold" | "fmt" | "grep" | "egrep"
        | "fgrep" | "expand" | "dos2unix" => text,
        _ => None,
    };
    input
}

/// The decoding that a program was asked for.
fn decodes(call: &Call<'_>) -> Option<fn(&str) -> Option<String>> {
    match call.name {
        "base64" | "gbase64" if call.has('d', "decode") || call.has('D', "") => {
            Some(escape::base64)
        }
        "base32" if call.has('d', "decode") => Some(|_| None),
        "xxd" if call.has('r', "revert") => Some(escape::hex),
        "openssl"
            if call.word("-d")
                && call.any(&["base64", "-base64", "-a"])
                && !call.args.iter().any(|arg| arg.text.starts_with("-aes")) =>
        {
            Some(escape::base64)
        }
        "openssl" if call.word("-d") => Some(|_| None),
        "rev" => Some(|text| Some(text.trim_end().chars().rev().collect())),
        "gunzip" | "zcat" | "gzip" | "xz" | "bzip2" | "zstd"
            if call.name == "gunzip" || call.has('d', "decompress") =>
        {
            Some(|_| None)
        }
        "basenc" if call.has('d', "decode") && call.word("--base64") => Some(escape::base64),
        "basenc" if call.has('d', "decode") => Some(|_| None),
        "uudecode" => Some(|_| None),
        "strings" => Some(|_| None),
        "tail" if call.args.iter().any(|arg| arg.text.starts_with('+')) => Some(|_| None),
        _ => None,
    }
}
