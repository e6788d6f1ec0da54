//! Text for cmd.exe: commands joined by `&`, `&&`, `||` and `|`, variables between percent signs, `if`, `for`, redirections.

use std::collections::HashMap;

use crate::{
    limits::MAX_TEXT_BYTES,
    programs::Call,
    shell::{
        Shell,
        flow::{Field, Flow},
    },
};

/// Most commands of one text that are read.
const MAX_LINES: usize = 256;

impl Shell<'_> {
    /// `cmd /c …`
    pub(crate) fn command_prompt(&mut self, call: &Call<'_>) -> Flow {
        // A shell that reads the line first may have taken the slashes for paths: `//c` is Git Bash's way.
        let at = call.args.iter().position(|arg| {
            let lower = arg.text.to_ascii_lowercase();
            matches!(lower.as_str(), "/c" | "/k" | "//c" | "//k" | "/r" | "-c")
                || lower.starts_with("/c") && lower.len() > 2
        });
        let Some(at) = at else {
            return match (&call.stdin.text, call.stdin.connected) {
                (Some(text), true) => self.batch(&text.clone(), call.name),
                _ => Flow::unforeseen(),
            };
        };
        let mut words: Vec<String> = call.args[at + 1..]
            .iter()
            .map(|arg| {
                if arg.text.contains(' ') && !arg.text.contains(" /") && call.args.len() > at + 2 {
                    format!("\"{}\"", arg.text)
                } else {
                    arg.text.clone()
                }
            })
            .collect();
        let glued = &call.args[at].text[2.min(call.args[at].text.len())..];
        if !glued.is_empty() && !glued.eq_ignore_ascii_case("c") && !glued.eq_ignore_ascii_case("k")
        {
            words.insert(0, glued.to_owned());
        }
        self.code_taint(&call.stdin.taint.clone(), call.name);
        self.batch(&words.join(" "), call.name)
    }

    /// Reads `text` as cmd.exe does.
    pub(crate) fn batch(&mut self, text: &str, program: &str) -> Flow {
        if text.len() > MAX_TEXT_BYTES {
            self.opaque("too_long", program);
            return Flow::unforeseen();
        }
        let mut out = Flow::text("");
        if self.deeper() {
            let scope = self.scope.clone();
            let mut variables = HashMap::new();
            let mut piped = Flow::default();
            for (command, joint) in commands(text).into_iter().take(MAX_LINES) {
                let said = self.batch_command(&command, &piped, &mut variables, 0);
                if joint == '|' {
                    piped = said;
                    piped.connected = true;
                } else {
                    piped = Flow::default();
                    out = out.then(&said);
                }
            }
            self.scope = scope;
        }
        self.shallower();
        out
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one table: a line or two for each command"
    )]
    fn batch_command(
        &mut self,
        command: &str,
        piped: &Flow,
        variables: &mut HashMap<String, String>,
        depth: usize,
    ) -> Flow {
        let command = command.trim().trim_start_matches(['@', '(', ' ']);
        let command = command.trim_end_matches(|c: char| c == ')' && !command.contains('('));
        let filled = expanded(command, variables);
        let (words, redirects) = split(&filled);
        let Some((first, rest)) = words.split_first() else {
            return Flow::text("");
        };
        let lower = first.to_ascii_lowercase();
        if depth > 8 || !self.work(4 + command.len() / 16) {
            self.opaque("too_complex", "cmd");
            return Flow::unforeseen();
        }
        let out = match lower.as_str() {
            "if" => {
                // Past `not`, `/i`, `exist x`, `a==b`, `defined x`, `errorlevel n` to the command.
                let mut at = 0;
                while rest
                    .get(at)
                    .is_some_and(|word| matches!(word.to_ascii_lowercase().as_str(), "not" | "/i"))
                {
                    at += 1;
                }
                let two = rest.get(at).is_some_and(|word| {
                    matches!(
                        word.to_ascii_lowercase().as_str(),
                        "exist" | "defined" | "errorlevel"
                    )
                });
                let compared = rest.get(at + 1).is_some_and(|word| {
                    matches!(
                        word.to_ascii_lowercase().as_str(),
                        "==" | "equ" | "neq" | "lss" | "gtr" | "leq" | "geq"
                    )
                });
                let skip = at
                    + if compared {
                        3
                    } else if two {
                        2
                    } else {
                        1
                    };
                let inner = rest.get(skip..).unwrap_or_default().join(" ");
                return self.batch_command(&inner, piped, variables, depth + 1);
            }
            "for" => return self.batch_loop(rest, piped, variables, depth),
            "call" | "start" => {
                let mut rest = rest;
                while let Some((word, more)) = rest.split_first() {
                    let flag = lower == "start"
                        && (word.starts_with('/') || word.is_empty() || word.starts_with('"'));
                    if !flag {
                        break;
                    }
                    rest = more;
                }
                let inner = rest.join(" ");
                return self.batch_command(&inner, piped, variables, depth + 1);
            }
            "set" => {
                if let Some((name, value)) = rest.join(" ").trim_matches('"').split_once('=') {
                    let field = Field::known(value);
                    self.assigned(name.trim(), &field);
                    variables.insert(name.trim().to_ascii_lowercase(), value.to_owned());
                }
                Flow::text("")
            }
            "cd" | "chdir" | "pushd" => {
                if let Some(to) = rest.iter().find(|word| !word.eq_ignore_ascii_case("/d")) {
                    self.scope.cwd = self.path(to);
                }
                Flow::text("")
            }
            _ if lower.len() == 2 && lower.ends_with(':') => {
                self.scope.cwd = self.path(&format!("{lower}/"));
                Flow::text("")
            }
            "echo" | "echo." | "rem" | "title" | "ver" | "cls" | "exit" | "setlocal"
            | "endlocal" | "pause" | "prompt" => Flow::text(format!("{}\n", rest.join(" "))),
            "type" | "more" | "findstr" => {
                let mut argv = vec![Field::known("cat")];
                argv.extend(
                    rest.iter()
                        .filter(|word| !word.starts_with('/'))
                        .map(Field::known),
                );
                self.invoke(&argv, piped)
            }
            _ => {
                if let Some(flow) = self.script(&Field::known(first)) {
                    self.code_taint(&flow.taint, "cmd");
                }
                let argv: Vec<Field> = words
                    .iter()
                    .enumerate()
                    .map(|(at, word)| {
                        let deletes = matches!(lower.as_str(), "del" | "rd" | "rmdir" | "erase");
                        (at, if deletes { rooted(word) } else { word.clone() })
                    })
                    .map(|(at, word)| Field {
                        glob: word.contains('*'),
                        ..Field::known(if at == 0 { lower.clone() } else { word })
                    })
                    .collect();
                self.invoke(&argv, piped)
            }
        };
        for (target, append) in redirects {
            if !target.eq_ignore_ascii_case("nul") && !target.starts_with('&') {
                self.write(&Field::known(target), append, &out, "cmd");
            }
        }
        out
    }

    /// `for %i in (…) do …`
    fn batch_loop(
        &mut self,
        rest: &[String],
        piped: &Flow,
        variables: &mut HashMap<String, String>,
        depth: usize,
    ) -> Flow {
        let text = rest.join(" ");
        let lower = text.to_ascii_lowercase();
        let (Some(list), Some(body)) = (lower.find(" in "), lower.find(" do ")) else {
            return Flow::unforeseen();
        };
        let name = text[..list]
            .split_whitespace()
            .rev()
            .find(|word| word.starts_with('%'))
            .unwrap_or("%i")
            .trim_start_matches('%')
            .to_owned();
        let values = text
            .get(list + 4..body)
            .unwrap_or_default()
            .trim()
            .trim_start_matches('(')
            .trim_end_matches(')');
        let body = text.get(body + 4..).unwrap_or_default().to_owned();
        // `('command')` goes through what the command prints.
        if let Some(inner) = values
            .strip_prefix('\'')
            .and_then(|rest| rest.strip_suffix('\''))
        {
            self.batch_command(inner, piped, variables, depth + 1);
        }
        for value in values.split_whitespace().take(8) {
            let line = body
                .replace(&format!("%%{name}"), value)
                .replace(&format!("%{name}"), value);
            self.batch_command(&line, piped, variables, depth + 1);
        }
        Flow::unforeseen()
    }
}

/// `C:` is the root of the drive when it is deleted.
fn rooted(word: &str) -> String {
    if word.len() == 2 && word.ends_with(':') {
        format!("{word}/")
    } else {
        word.to_owned()
    }
}

/// The commands of a text with the sign that follows each.
fn commands(text: &str) -> Vec<(String, char)> {
    let mut out = Vec::new();
    let mut now = String::new();
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                now.push(c);
            }
            '^' if !quoted => {
                if let Some(next) = chars.next() {
                    now.push(next);
                }
            }
            '&' | '|' | '\n' if !quoted && !now.ends_with('>') => {
                let double = chars.peek() == Some(&c) && c != '\n';
                if double {
                    chars.next();
                }
                out.push((std::mem::take(&mut now), if double { '&' } else { c }));
            }
            c => now.push(c),
        }
    }
    out.push((now, '&'));
    out
}

/// Percent signs with what they stand for.
fn expanded(text: &str, variables: &HashMap<String, String>) -> String {
    if !text.contains(['%', '!']) {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['%', '!']) {
        let sign = rest.as_bytes()[at];
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let end = after.find(char::from(sign)).filter(|end| {
            *end > 0
                && after[..*end]
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_()~:,-=".contains(c))
        });
        let Some(end) = end else {
            out.push(char::from(sign));
            rest = after;
            continue;
        };
        let name = after[..end]
            .split(':')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let value = match name.as_str() {
            "userprofile" | "homepath" | "home" => "~",
            "systemroot" | "windir" => "C:/Windows",
            "systemdrive" | "homedrive" => "C:",
            "programfiles" => "C:/Program Files",
            "programdata" | "allusersprofile" => "C:/ProgramData",
            "appdata" => "~/AppData/Roaming",
            "localappdata" => "~/AppData/Local",
            "temp" | "tmp" => "/tmp/made",
            "comspec" => "cmd",
            "cd" => ".",
            _ => variables.get(&name).map_or("", String::as_str),
        };
        out.push_str(value);
        rest = &after[end + 1..];
    }
    out.push_str(rest);
    out
}

/// Words, and where output goes.
fn split(text: &str) -> (Vec<String>, Vec<(String, bool)>) {
    let mut words: Vec<String> = Vec::new();
    let mut redirects = Vec::new();
    let mut now = String::new();
    let mut quoted = false;
    let mut started = false;
    let mut target: Option<bool> = None;
    let mut chars = text.chars().peekable();
    let mut end = |now: &mut String, started: &mut bool, target: &mut Option<bool>| {
        if *started {
            let word = std::mem::take(now);
            match target.take() {
                Some(append) => redirects.push((word, append)),
                None => words.push(word),
            }
            *started = false;
        }
    };
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                started = true;
            }
            '>' if !quoted => {
                // The number before it says which output.
                if now.len() == 1 && now.starts_with(|c: char| c.is_ascii_digit()) {
                    now.clear();
                    started = false;
                }
                end(&mut now, &mut started, &mut target);
                let append = chars.peek() == Some(&'>');
                if append {
                    chars.next();
                }
                target = Some(append);
            }
            c if c.is_whitespace() && !quoted => end(&mut now, &mut started, &mut target),
            c => {
                now.push(c);
                started = true;
            }
        }
    }
    end(&mut now, &mut started, &mut target);
    (words, redirects)
}
