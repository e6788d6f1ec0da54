//! What the well-known calls do: to files, processes, hosts and databases.

use super::{
    calls::number,
    eval::{Arg, Reader},
    files,
    table::Does,
    value::Value,
};
use crate::{
    effect::{Effect, EffectKind},
    escape, host,
    shell::flow::{Field, Flow, Taint},
    sql,
};

/// One call with its arguments sorted.
pub(super) struct Made<'v> {
    pub(super) name: &'v str,
    /// The value that a method is called on, or the first argument.
    pub(super) first: Option<&'v Value>,
    pub(super) second: Option<&'v Value>,
    /// Arguments without names.
    pub(super) plain: Vec<&'v Value>,
    pub(super) args: &'v [Arg],
    /// Whether it is called on a value.
    pub(super) method: bool,
}

impl Made<'_> {
    pub(super) fn given(&self, name: &str) -> Option<&Value> {
        self.args
            .iter()
            .find(|arg| arg.name.as_deref() == Some(name))
            .map(|arg| &arg.value)
    }
}

pub(super) fn act(
    reader: &mut Reader<'_, '_>,
    does: Does,
    name: &str,
    receiver: Option<&Value>,
    args: &[Arg],
    taint: Taint,
) -> Value {
    let mut plain: Vec<&Value> = args
        .iter()
        .filter(|arg| arg.name.is_none())
        .map(|arg| &arg.value)
        .collect();
    if plain.is_empty() {
        plain = args.iter().map(|arg| &arg.value).collect();
    }
    let on = receiver.filter(|value| !matches!(value, Value::Name(_) | Value::Unknown));
    let made = Made {
        name,
        first: on.or(plain.first().copied()),
        second: if on.is_some() {
            plain.first()
        } else {
            plain.get(1)
        }
        .copied(),
        method: on.is_some(),
        plain,
        args,
    };
    match does {
        Does::Spawns => spawn(reader, &made),
        Does::SpawnsList => spawn_list(reader, &made),
        Does::DeletesTree
        | Does::DeletesFile
        | Does::Writes
        | Does::Opens
        | Does::Copies
        | Does::Moves
        | Does::Links
        | Does::Reads
        | Does::Lists
        | Does::ChangesDirectory
        | Does::ChangesMode
        | Does::ChangesOwner
        | Does::JoinsPath
        | Does::Home
        | Does::Same => files::act(reader, does, &made, taint),
        Does::Fetches => fetch(reader, made.first, args, taint),
        Does::Connects => connect(reader, &made, &taint),
        Does::Runs => runs(reader, &made, &taint),
        Does::Decodes => decode(&made, taint),
        Does::Kills => {
            let all = |value: &&Value| value.text() == Some("-1");
            if made.plain.iter().any(all) {
                emit(reader, EffectKind::Kill, "every process", "all");
            } else if made.plain.iter().any(|value| value.text() == Some("1")) {
                emit(reader, EffectKind::Kill, "the first process", "system");
            }
            Value::Unknown
        }
        Does::Queries => {
            if let Some(text) = made.plain.first().and_then(|value| value.text())
                && sql::looks_like_sql(text)
            {
                let text = text.to_owned();
                sql::read(reader.shell, &text, reader.program);
            } else if made.method && reader.language == super::Language::Groovy {
                return spawn(reader, &made);
            }
            Value::tainted(taint)
        }
        Does::Drops => {
            emit(reader, EffectKind::DropDatabase, name, "database");
            Value::Unknown
        }
        Does::Destroys => {
            emit(reader, EffectKind::DestroyService, name, "infrastructure");
            Value::Unknown
        }
        Does::Prints | Does::PrintsLine => {
            let said = made
                .plain
                .iter()
                .fold(None, |all: Option<Value>, value| {
                    Some(match all {
                        Some(all) => all.joined(" ", value),
                        None => (*value).clone(),
                    })
                })
                .unwrap_or_default();
            reader.print(&said, does == Does::PrintsLine);
            Value::Unknown
        }
        Does::Becomes => {
            if made.plain.iter().any(|value| value.text() == Some("0")) {
                emit(reader, EffectKind::RaisePrivileges, "root", "root_shell");
            }
            Value::Unknown
        }
        Does::Sends => {
            reader
                .shell
                .send("the network", &Flow::tainted(taint), reader.program);
            Value::Unknown
        }
    }
}

fn emit(reader: &mut Reader<'_, '_>, kind: EffectKind, target: &str, manner: &'static str) {
    reader.shell.emit(
        Effect::new(kind, target)
            .manner(manner)
            .program(reader.program),
    );
}

pub(super) fn run_words(reader: &mut Reader<'_, '_>, words: &[Field]) -> Value {
    let Some(first) = words.first() else {
        return Value::Unknown;
    };
    // A list of lines and not of words: each is one.
    if first.text.contains(' ') && first.is_known() && words.len() > 1 {
        for line in words.iter().take(16) {
            reader.run_text(&Value::Text(Box::new(line.clone())));
        }
        return Value::Unknown;
    }
    if !first.is_known() {
        reader
            .shell
            .code_taint(&first.taint.clone(), reader.program);
        reader.shell.opaque("command", reader.program);
        return Value::Unknown;
    }
    let flow = reader.shell.invoke(words, &Flow::default());
    Value::of_flow(&flow)
}

fn spawn(reader: &mut Reader<'_, '_>, made: &Made<'_>) -> Value {
    let Some(first) = made.first else {
        return Value::Unknown;
    };
    let by_shell = made.given("shell").is_some();
    let shell_alone = first.words().first().is_some_and(|word| {
        let base = word.text.rsplit('/').next().unwrap_or_default();
        matches!(base, "sh" | "bash" | "zsh" | "dash")
    }) && first.words().len() == 1;
    if made.given("stdin").is_some() && shell_alone {
        reader.shell.opaque("script", reader.program);
    }
    if let Some(input) = made.given("input").cloned() {
        let words = first.words();
        let mut flow = input.flow();
        flow.connected = true;
        flow.taint.unforeseen = false;
        reader.shell.invoke(&words, &flow);
        return Value::Unknown;
    }
    match first {
        Value::List(values) if !by_shell => {
            let words: Vec<Field> = values.iter().flat_map(Value::words).collect();
            run_words(reader, &words)
        }
        Value::List(values) => {
            for text in values.iter().take(16) {
                reader.run_text(text);
            }
            Value::Unknown
        }
        text => {
            // `system("rm", "-rf", "/")`: words of a command.
            let more: Vec<Field> = if made.method {
                Vec::new()
            } else {
                made.plain
                    .iter()
                    .skip(1)
                    .filter(|value| matches!(value, Value::Text(_) | Value::List(_)))
                    .flat_map(|value| value.words())
                    .collect()
            };
            match text.field() {
                Some(file) if !more.is_empty() && !file.text.contains(' ') && !by_shell => {
                    let words: Vec<Field> = std::iter::once(file.clone()).chain(more).collect();
                    run_words(reader, &words)
                }
                _ => reader.run_text(text),
            }
        }
    }
}

fn spawn_list(reader: &mut Reader<'_, '_>, made: &Made<'_>) -> Value {
    let mut words: Vec<Field> = made
        .plain
        .iter()
        .filter(|value| matches!(value, Value::Text(_) | Value::List(_)))
        .flat_map(|value| value.words())
        .collect();
    if let Some(file) = made.given("file") {
        words.splice(0..0, file.words());
    }
    words.extend(made.given("args").into_iter().flat_map(Value::words));
    // `spawnlp(mode, …)`: the mode is a number or a name.
    let mode = words
        .first()
        .is_some_and(|field| field.text.parse::<u8>().is_ok());
    if mode {
        words.remove(0);
    }
    // `execvp(file, [name, …])`: the name comes twice.
    if let [first, second, ..] = words.as_slice() {
        let base = |field: &Field| field.text.rsplit('/').next().unwrap_or_default().to_owned();
        if base(first) == base(second) && reader.language != super::Language::JavaScript
            || made.given("file").is_some()
        {
            words.remove(1);
        }
    }
    match words.as_slice() {
        [only] if only.text.contains(' ') => {
            let only = only.clone();
            reader.run_text(&Value::Text(Box::new(only)))
        }
        _ => run_words(reader, &words),
    }
}

fn runs(reader: &mut Reader<'_, '_>, made: &Made<'_>, taint: &Taint) -> Value {
    reader.shell.code_taint(taint, reader.program);
    let text = made
        .plain
        .iter()
        .rev()
        .chain(made.first.iter())
        .find_map(|value| value.text())
        .map(str::to_owned);
    match text {
        Some(text) if !taint.unforeseen => {
            reader
                .shell
                .nested_code(&text, reader.language, reader.program);
        }
        _ => {}
    }
    Value::tainted(taint.clone())
}

fn decode(made: &Made<'_>, taint: Taint) -> Value {
    let kind = made.second.and_then(Value::text).unwrap_or_default();
    let text = made.first.and_then(Value::text).unwrap_or_default();
    let short = made.name.rsplit(['.', ':']).next().unwrap_or(made.name);
    let decoded = match (short, kind) {
        ("from", "" | "utf8" | "utf-8" | "binary") => {
            return made.first.cloned().unwrap_or_default();
        }
        ("from", "hex") | ("unhexlify" | "fromhex" | "hex2bin" | "a2b_hex", _) => escape::hex(text),
        ("str_rot13", _) | (_, "rot13" | "rot_13") => Some(escape::rot13(text)),
        ("pack", _) if text == "H*" => escape::hex(kind),
        ("pack", "H*") => escape::hex(text),
        ("unpack" | "unpack1", _) => escape::base64(text),
        _ => escape::base64(text),
    };
    let taint = Taint {
        decoded: true,
        ..taint
    };
    match decoded.filter(|text| !text.is_empty()) {
        Some(text) => Value::Text(Box::new(Field {
            taint,
            ..Field::known(text)
        })),
        None => Value::tainted(taint),
    }
}

fn connect(reader: &mut Reader<'_, '_>, made: &Made<'_>, taint: &Taint) -> Value {
    // A database's `connect("file")` is no network; a socket is given host and port.
    if made.name.ends_with("connect")
        && !made.name.starts_with("net.")
        && !made
            .args
            .iter()
            .any(|arg| matches!(&arg.value, Value::List(_)))
        && made.args.len() < 2
    {
        return Value::tainted(taint.clone());
    }
    let words: Vec<Field> = made.args.iter().flat_map(|arg| arg.value.words()).collect();
    let peer = words
        .iter()
        .find(|field| {
            field.is_known() && number(&field.text).is_none() && !field.text.starts_with('/')
        })
        .map(|field| field.text.clone())
        .unwrap_or_default();
    if !peer.is_empty() {
        reader.shell.request(&peer, reader.program);
        reader
            .shell
            .send(&peer, &Flow::tainted(taint.clone()), reader.program);
    }
    Value::tainted(Taint {
        downloaded: (!host::is_local(&peer) && peer.contains('.')).then(|| peer.clone()),
        ..Taint::default()
    })
}

pub(super) fn fetch(
    reader: &mut Reader<'_, '_>,
    first: Option<&Value>,
    args: &[Arg],
    taint: Taint,
) -> Value {
    let url = args
        .iter()
        .map(|arg| &arg.value)
        .chain(first)
        .flat_map(super::value::Value::words)
        .find(|field| field.text.contains("://"))
        .or_else(|| {
            args.iter()
                .find(|arg| matches!(arg.name.as_deref(), Some("host" | "hostname")))
                .and_then(|arg| arg.value.field())
                .cloned()
        })
        .or_else(|| first.and_then(Value::field).cloned());
    let Some(url) = url else {
        return Value::tainted(taint);
    };
    let peer = if url.text.contains("://") {
        host::of_url(&url.text)
    } else {
        url.text.clone()
    };
    let mut fetched = Taint::default();
    fetched
        .secrets
        .extend(reader.shell.request(&peer, reader.program));
    let sent = Taint {
        downloaded: None,
        ..taint
    };
    reader
        .shell
        .send(&peer, &Flow::tainted(sent), reader.program);
    if !host::is_local(&peer) {
        fetched.downloaded = Some(peer);
    }
    // `urlretrieve(url, file)`
    if let Some(file) = args
        .get(1)
        .and_then(|arg| arg.value.field())
        .filter(|field| field.is_known() && !field.text.contains("://"))
    {
        let path = reader.shell.path(&file.text).display();
        reader
            .shell
            .written
            .insert(path, Flow::tainted(fetched.clone()));
    }
    Value::tainted(fetched)
}
