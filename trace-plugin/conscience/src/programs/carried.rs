//! Commands that are carried in an option, a variable or a script of a program that is not a shell.

use super::args::Call;
use crate::{
    code::Language,
    shell::{
        Shell,
        flow::{Field, Flow},
    },
};

/// Programs, and their options whose value is a command.
const OPTIONS: &[(&str, &[&str])] = &[
    ("zip", &["-TT", "--unzip-command"]),
    ("man", &["-P", "--pager"]),
    ("rsync", &["-e", "--rsh", "--rsync-path"]),
    ("scp", &["-S"]),
    ("sftp", &["-S"]),
    (
        "tar",
        &[
            "-I",
            "--use-compress-program",
            "--rsh-command",
            "--info-script",
        ],
    ),
    ("sort", &["--compress-program"]),
    ("split", &["--filter"]),
    ("nodemon", &["--exec", "-x"]),
    ("npx", &["-c", "--call"]),
    ("wget", &["--use-askpass"]),
    ("logrotate", &["-m", "--mail"]),
    ("gdb", &["-ex", "-iex", "--eval-command"]),
    ("lldb", &["-o", "--one-line"]),
    ("expect", &["-c"]),
    ("npm", &["-c", "--call"]),
    ("nix-shell", &["--run", "--command"]),
    ("ansible", &["-a", "--args"]),
    ("mapfile", &["-C"]),
    ("readarray", &["-C"]),
    ("compgen", &["-C"]),
    ("complete", &["-C"]),
    ("fzf", &["--preview"]),
    ("tcpdump", &["-z"]),
    ("cpio", &["--rsh-command"]),
    ("xterm", &["-e"]),
    ("gnome-terminal", &["-e", "--command"]),
    ("konsole", &["-e"]),
    ("alacritty", &["-e", "--command"]),
    ("rg", &["--pre"]),
    ("gcloud", &["--command"]),
    ("fly", &["-C", "--command"]),
    ("flyctl", &["-C", "--command"]),
    ("eb", &["-c", "--command"]),
];

/// Programs whose script may start commands, with the word before each.
const SCRIPTS: &[(&str, &str)] = &[
    ("expect", "spawn "),
    ("gdb", "shell "),
    ("gdb", "!"),
    ("lldb", "platform shell "),
    ("tclsh", "exec "),
];

/// Variables whose value other programs run as a command.
const VARIABLES: &[&str] = &[
    "BROWSER",
    "EDITOR",
    "GIT_ASKPASS",
    "GIT_EDITOR",
    "GIT_EXTERNAL_DIFF",
    "GIT_PAGER",
    "GIT_PROXY_COMMAND",
    "GIT_SEQUENCE_EDITOR",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "LESSOPEN",
    "MANPAGER",
    "PAGER",
    "PROMPT_COMMAND",
    "SSH_ASKPASS",
    "VISUAL",
];

/// Whether the value of the variable `name` is run as a command.
pub(crate) fn is_command_variable(name: &str) -> bool {
    VARIABLES.contains(&name)
}

/// Reads the commands that `call` carries besides what it does itself.
pub(crate) fn read(shell: &mut Shell<'_>, call: &Call<'_>) {
    for (_, options) in OPTIONS.iter().filter(|(name, _)| *name == call.name) {
        for value in call.values(options) {
            for line in value.text.split([';', '\n']) {
                let line = line.trim();
                let line = SCRIPTS
                    .iter()
                    .filter(|(name, _)| *name == call.name)
                    .find_map(|(_, word)| line.strip_prefix(word))
                    .unwrap_or(line);
                shell.subshell(line, &Flow::default());
            }
        }
    }
    match call.name {
        "tclsh" | "expect" | "lldb" => {
            let lines = call.stdin.text.clone().unwrap_or_default();
            for line in lines.lines() {
                if let Some((name, value)) = line
                    .trim()
                    .strip_prefix("set ")
                    .and_then(|rest| rest.split_once(' '))
                {
                    shell.set(name, &Field::known(value.trim_matches(['"', '{', '}'])));
                }
                if let Some(files) = line.trim().strip_prefix("file delete ") {
                    let files = files.replace("-force", "");
                    shell.subshell(&format!("rm -r {files}"), &Flow::default());
                }
                for (_, word) in SCRIPTS.iter().filter(|(name, _)| *name == call.name) {
                    if let Some(command) = line.trim().strip_prefix(word) {
                        shell.subshell(command, &Flow::default());
                    }
                }
            }
        }
        "rails" | "artisan" | "django-admin" | "manage.py" | "console" => framework(shell, call),
        "make" | "gmake"
            if call
                .args
                .iter()
                .any(|arg| arg.text.starts_with("--eval") || arg.text.starts_with("SHELL=")) =>
        {
            make_options(shell, call);
        }
        "bind" | "rpm" | "rpmbuild" | "rpmspec" | "start-stop-daemon" | "gcc" | "g++" | "cc"
        | "clang" => {
            others(shell, call);
        }
        "ftp" | "lftp" | "sftp" | "ed" | "red" | "gnuplot" | "bc" | "gdb" | "sqlite3" | "psql"
        | "mysql" | "mariadb" => {
            escapes(shell, call);
        }
        "make" | "gmake"
            if call.values(&["-f", "--file"]).iter().any(|file| {
                matches!(file.text.as_str(), "-" | "/dev/stdin") || file.file.is_some()
            }) =>
        {
            let given = call.values(&["-f", "--file"]);
            let lines = given
                .iter()
                .find_map(|file| file.file.as_ref()?.text.clone())
                .or_else(|| call.stdin.text.clone())
                .unwrap_or_default();
            for recipe in lines.lines().filter_map(|line| {
                line.strip_prefix('\t')
                    .or_else(|| line.split_once(';').map(|(_, recipe)| recipe.trim()))
            }) {
                shell.subshell(recipe.trim_start_matches(['@', '-', '+']), &Flow::default());
            }
        }
        "less" | "more" | "vim" | "vi" | "nvim" | "ex" | "view" | "gvim" => editor(shell, call),
        "sed" | "gsed" => {
            // The flag `e` of `s` runs what the line has become.
            for script in call.args.iter().filter(|arg| arg.is_known()) {
                sed(shell, &script.text);
                if script.text == "e" && call.stdin.connected {
                    shell.execute(&call.stdin.clone(), call.name);
                }
            }
        }
        _ => {}
    }
}

/// Code that a framework's tool runs: `rails runner`, `artisan tinker`, `manage.py shell -c`.
fn framework(shell: &mut Shell<'_>, call: &Call<'_>) {
    let (codes, language) = match (call.name, call.operand(0)) {
        ("rails", "runner" | "r") => (
            call.operands(&["-e"])
                .into_iter()
                .skip(1)
                .cloned()
                .collect(),
            Language::Ruby,
        ),
        ("artisan", _) => (call.values(&["--execute"]), Language::Php),
        ("django-admin" | "manage.py", "shell") => {
            (call.values(&["-c", "--command"]), Language::Python)
        }
        _ => return,
    };
    for code in codes {
        shell.read_code(&code.text, language, call.name);
    }
}

/// `make --eval 'x:;recipe'` and `make SHELL='command'`.
fn make_options(shell: &mut Shell<'_>, call: &Call<'_>) {
    let shells = call
        .args
        .iter()
        .filter_map(|arg| arg.text.strip_prefix("SHELL="))
        .filter(|text| text.contains(' '));
    for text in shells {
        shell.subshell(text, &Flow::default());
    }
    for text in call.values(&["--eval", "-E"]) {
        for recipe in text.text.split(['\n', ';']).skip(1) {
            let recipe = recipe.trim().trim_start_matches(['@', '-', '+']);
            shell.subshell(recipe, &Flow::default());
        }
    }
}

/// Programs each with a form of its own.
fn others(shell: &mut Shell<'_>, call: &Call<'_>) {
    match call.name {
        "bind" => {
            for arg in call.args.iter().filter(|_| call.word("-x")) {
                if let Some((_, text)) = arg.text.split_once(':') {
                    shell.subshell(text.trim_matches([' ', '"']), &Flow::default());
                }
            }
        }
        "start-stop-daemon" => {
            let program = call.values(&["--exec", "-x", "--startas", "-a"]);
            let rest = call
                .args
                .iter()
                .position(|arg| arg.text == "--")
                .map_or(call.args.len(), |at| at + 1);
            let words: Vec<Field> = program
                .into_iter()
                .take(1)
                .chain(call.args[rest..].iter().cloned())
                .collect();
            if !words.is_empty() {
                shell.invoke(&words, &Flow::default());
            }
        }
        "rpm" | "rpmbuild" | "rpmspec" => {
            for text in call.values(&["--eval", "-E"]) {
                for part in text.text.split("%(").skip(1) {
                    shell.subshell(part.trim_end_matches(')'), &Flow::default());
                }
            }
        }
        _ => {
            for text in call.values(&["-wrapper"]) {
                let words: Vec<Field> = text.text.split(',').map(Field::known).collect();
                shell.invoke(&words, &Flow::default());
            }
        }
    }
}

/// Lines that a client of something hands to a shell: `!command`, `\! command`, `.shell command`, `shell command`.
fn escapes(shell: &mut Shell<'_>, call: &Call<'_>) {
    const MARKS: &[&str] = &[
        "\\! ", "\\!", ".shell ", ".sh ", ".system ", "!", "shell ", "system ",
    ];
    let options = [
        "-c",
        "-e",
        "--command",
        "--execute",
        "-cmd",
        "-ex",
        "-iex",
        "-x",
    ];
    let mut texts: Vec<String> = call
        .values(&options)
        .into_iter()
        .chain(call.operands(&[]).into_iter().cloned())
        .filter(Field::is_known)
        .map(|field| field.text)
        .collect();
    texts.extend(call.stdin.text.clone());
    for line in texts.iter().flat_map(|text| text.lines()).take(256) {
        let line = line.trim();
        let command = MARKS
            .iter()
            .filter(|mark| {
                !matches!(**mark, "shell " | "system ") || matches!(call.name, "gdb" | "gnuplot")
            })
            .find_map(|mark| line.strip_prefix(mark));
        if let Some(command) = command {
            shell.subshell(command.trim(), &Flow::default());
        }
    }
}

/// Commands of an editor: `:!command`, `:call system("command")`.
fn editor(shell: &mut Shell<'_>, call: &Call<'_>) {
    let mut given = call.values(&["-c", "--cmd"]);
    // `ex -sc '…'`: the value of the last of several letters.
    for pair in call.args.windows(2) {
        let flags = pair[0].text.as_str();
        if flags.len() > 2
            && flags.starts_with('-')
            && !flags.starts_with("--")
            && flags.ends_with('c')
        {
            given.push(pair[1].clone());
        }
    }
    let plus = call
        .args
        .iter()
        .filter_map(|arg| arg.text.strip_prefix('+'));
    for command in given.iter().map(|field| field.text.as_str()).chain(plus) {
        let command = command.trim_start_matches([':', ' ']);
        let command = command.strip_prefix("silent ").unwrap_or(command);
        match command.trim_start_matches(['%', '.']).strip_prefix('!') {
            Some(line) => {
                shell.subshell(line.trim_start_matches('!'), &Flow::default());
            }
            None => shell.read_code(command, Language::Lua, call.name),
        }
    }
}

/// `s/…/command/e` runs what the line has become; `w file` writes to a file.
fn sed(shell: &mut Shell<'_>, script: &str) {
    for command in script.split(['\n', ';']) {
        let command = command.trim().trim_start_matches(|c: char| {
            c.is_ascii_digit() || matches!(c, '$' | ',' | '{' | '!' | ' ')
        });
        if let Some(file) = command.strip_prefix("w ") {
            shell.write(
                &Field::known(file.trim()),
                false,
                &Flow::unforeseen(),
                "sed",
            );
        }
    }
    let mut chars = script.chars();
    if chars.next() != Some('s') {
        return;
    }
    let Some(mark) = chars.next().filter(|mark| !mark.is_alphanumeric()) else {
        return;
    };
    let mut parts: [String; 3] = Default::default();
    let mut part = 0;
    while let Some(c) = chars.next() {
        if c == mark && part < 2 {
            part += 1;
        } else if c == '\\' {
            match chars.next() {
                Some(next) if next == mark => parts[part].push(next),
                next => {
                    parts[part].push('\\');
                    parts[part].extend(next);
                }
            }
        } else {
            parts[part].push(c);
        }
    }
    let [_, replacement, flags] = &parts;
    if part == 2
        && flags
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .any(|c| c == 'e')
    {
        shell.subshell(replacement, &Flow::default());
    }
}
