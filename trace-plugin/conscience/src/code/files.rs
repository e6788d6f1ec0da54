//! What the well-known calls do to files and directories.

use super::{
    Language,
    acts::{Made, fetch, run_words},
    eval::Reader,
    table::Does,
    value::Value,
};
use crate::shell::flow::{Field, Flow, Taint};

pub(super) fn act(reader: &mut Reader<'_, '_>, does: Does, made: &Made<'_>, taint: Taint) -> Value {
    let program = reader.program;
    match does {
        Does::DeletesTree | Does::DeletesFile => delete(reader, does, made),
        Does::Writes => {
            if let Some(field) = made.first.and_then(Value::field).cloned() {
                let cuts = made.name.ends_with("truncate") || made.name.ends_with("truncateSync");
                let content = if cuts {
                    Flow::text("")
                } else {
                    made.second.map_or_else(Flow::unforeseen, Value::flow)
                };
                let append = made.name.contains("ppend")
                    || made
                        .plain
                        .iter()
                        .any(|value| matches!(value, Value::Name(name) if name.contains("APPEND")));
                reader.shell.write(&field, append, &content, program);
            }
            Value::Unknown
        }
        Does::Opens => open(reader, made),
        Does::Copies | Does::Moves | Does::Links => {
            if let (Some(from), Some(to)) = (
                made.first.and_then(Value::field),
                made.second.and_then(Value::field),
            ) {
                let verb: &[&str] = match does {
                    Does::Copies => &["cp", "--"],
                    Does::Moves => &["mv", "--"],
                    _ => &["ln", "-s", "-f"],
                };
                // `link.symlink_to(target)`
                let (from, to) = if made.name.ends_with("_to") {
                    (to, from)
                } else {
                    (from, to)
                };
                let words: Vec<Field> = verb
                    .iter()
                    .map(|word| Field::known(*word))
                    .chain([from.clone(), to.clone()])
                    .collect();
                reader.shell.invoke(&words, &Flow::default());
            }
            Value::Unknown
        }
        Does::Reads => match made.first.and_then(Value::field).cloned() {
            Some(field) => read(reader, &field),
            None => Value::tainted(taint),
        },
        Does::Lists => list(reader, made),
        Does::ChangesDirectory => {
            if let Some(text) = made.first.and_then(Value::text).map(str::to_owned) {
                reader.shell.scope.cwd = reader.shell.path(&text);
            }
            Value::Unknown
        }
        Does::ChangesMode | Does::ChangesOwner => {
            change(reader, does, made);
            Value::Unknown
        }
        Does::JoinsPath => {
            let mut parts = made
                .first
                .filter(|_| made.method)
                .into_iter()
                .chain(made.plain.iter().copied());
            let start = parts.next().cloned().unwrap_or_default();
            parts.fold(start, Value::below)
        }
        Does::Home => Value::known(reader.shell.home.as_deref().unwrap_or("~")),
        _ => same(made, taint),
    }
}

fn delete(reader: &mut Reader<'_, '_>, does: Does, made: &Made<'_>) -> Value {
    let whole = does == Does::DeletesTree || made.given("recursive").is_some();
    let rest = made.plain.iter().skip(usize::from(!made.method)).copied();
    let mut fields: Vec<Field> = made
        .first
        .into_iter()
        .chain(rest)
        .filter(|value| matches!(value, Value::Text(_) | Value::List(_)))
        .flat_map(Value::words)
        .collect();
    // `unlink` by itself is `$_`.
    if fields.is_empty()
        && reader.language == Language::Perl
        && let Value::Text(field) = reader.lookup("$_")
    {
        fields.push(*field);
    }
    for field in fields {
        if field.is_known() || field.text.contains('/') {
            let listed = field.glob;
            reader
                .shell
                .delete(&field, whole || listed, true, reader.program);
        }
    }
    Value::Unknown
}

fn change(reader: &mut Reader<'_, '_>, does: Does, made: &Made<'_>) {
    let is_path = |value: &Value| {
        value
            .field()
            .is_some_and(|field| field.text.contains(['/', '~']) || field.text.contains('.'))
    };
    let words: Vec<&Value> = made
        .first
        .filter(|_| made.method)
        .into_iter()
        .chain(made.plain.iter().copied())
        .collect();
    let Some(path) = words
        .iter()
        .find(|value| is_path(value))
        .and_then(|value| value.field())
        .cloned()
    else {
        return;
    };
    let number = words
        .iter()
        .find_map(|value| value.text().filter(|_| !is_path(value)))
        .unwrap_or("755")
        .trim_start_matches("0o")
        .to_owned();
    let verb = if does == Does::ChangesMode {
        "chmod"
    } else {
        "chown"
    };
    let flag = if made.name.ends_with("_R") {
        "-R"
    } else {
        "-c"
    };
    let words = [
        Field::known(verb),
        Field::known(flag),
        Field::known(number),
        path,
    ];
    reader.shell.invoke(&words, &Flow::default());
}

/// What it is given, as text or as a path.
fn same(made: &Made<'_>, taint: Taint) -> Value {
    let start = made.first.cloned();
    if made.name.ends_with("Path") || made.name.ends_with("Pathname") {
        return made
            .plain
            .iter()
            .skip(usize::from(!made.method))
            .fold(start.unwrap_or_default(), |path, next| path.below(next));
    }
    start.unwrap_or_else(|| Value::tainted(taint))
}

fn open(reader: &mut Reader<'_, '_>, made: &Made<'_>) -> Value {
    if reader.language == Language::Perl && !made.method {
        return perl_open(reader, made);
    }
    let mode = made.given("mode").and_then(Value::text);
    let second = made.second.map(|value| match value {
        Value::Name(name) if name.contains("WR") || name.contains("TRUNC") => "w",
        Value::Name(name) if name.contains("APPEND") => "a",
        other => other.text().unwrap_or("r"),
    });
    let mode = mode.or(second).unwrap_or("r").to_owned();
    match made.first.and_then(Value::field).cloned() {
        // Ruby's `open("|command")`.
        Some(field) if field.text.starts_with('|') => {
            reader.run_text(&Value::known(&field.text[1..]))
        }
        Some(field) => open_file(reader, &field, &mode),
        None => Value::Unknown,
    }
}

/// `open(F, ">file")`, `open(my $f, ">", "file")`, `open(P, "command |")`.
fn perl_open(reader: &mut Reader<'_, '_>, made: &Made<'_>) -> Value {
    let values: Vec<&Value> = made
        .plain
        .iter()
        .copied()
        .filter(|value| matches!(value, Value::Text(_) | Value::List(_)))
        .collect();
    match values.as_slice() {
        [whole] => {
            let Some(text) = whole.text().map(str::trim) else {
                return Value::Unknown;
            };
            if let Some(command) = text.strip_prefix('|')
                && matches!(command.trim(), "sh" | "bash" | "/bin/sh" | "/bin/bash")
            {
                reader.shell.opaque("script", reader.program);
            }
            if let Some(command) = text.strip_prefix('|').or_else(|| text.strip_suffix('|')) {
                return reader.run_text(&Value::known(command));
            }
            let mode = if text.starts_with(">>") {
                "a"
            } else if text.starts_with('>') || text.starts_with("+>") {
                "w"
            } else {
                "r"
            };
            let path = text.trim_start_matches(['>', '<', '+', ' ']);
            open_file(reader, &Field::known(path), mode)
        }
        [mode, rest @ ..] => {
            let mode = mode.text().unwrap_or_default().to_owned();
            if mode.contains('|') {
                let words: Vec<Field> = rest.iter().flat_map(|value| value.words()).collect();
                return match words.as_slice() {
                    [only] => reader.run_text(&Value::Text(Box::new(only.clone()))),
                    _ => run_words(reader, &words),
                };
            }
            match rest.first().and_then(|value| value.field()).cloned() {
                Some(field) => open_file(reader, &field, &mode),
                None => Value::Unknown,
            }
        }
        [] => Value::Unknown,
    }
}

fn open_file(reader: &mut Reader<'_, '_>, field: &Field, mode: &str) -> Value {
    let writes = mode.starts_with(['w', 'a', 'x', '>', 'c']) || mode.contains('+');
    if writes {
        let append = mode.starts_with('a') || mode.starts_with(">>");
        reader
            .shell
            .write(field, append, &Flow::unforeseen(), reader.program);
        return Value::Unknown;
    }
    read(reader, field)
}

fn read(reader: &mut Reader<'_, '_>, field: &Field) -> Value {
    if field.text.contains("://") && !field.text.starts_with("file:") {
        let url = Value::Text(Box::new(field.clone()));
        return fetch(reader, Some(&url), &[], field.taint.clone());
    }
    if !field.is_known() && !field.text.contains('/') {
        return Value::tainted(field.taint.clone());
    }
    let flow = reader.shell.read(field, reader.program);
    Value::of_flow(&Flow {
        taint: Taint {
            unforeseen: false,
            ..flow.taint.clone()
        },
        ..flow
    })
}

/// What a directory holds, as a pattern.
fn list(reader: &Reader<'_, '_>, made: &Made<'_>) -> Value {
    let Some(start) = made.first.and_then(Value::field) else {
        return Value::Unknown;
    };
    let text = match made.second.and_then(Value::text) {
        Some(pattern) if pattern.contains('*') => {
            format!("{}/{pattern}", start.text.trim_end_matches('/'))
        }
        _ if start.text.contains('*') => start.text.clone(),
        // A pattern that has no sign of one names a file.
        _ if made.name.ends_with("glob") && reader.language != Language::Python => {
            start.text.clone()
        }
        _ => format!("{}/*", start.text.trim_end_matches('/')),
    };
    Value::Text(Box::new(Field {
        text,
        glob: true,
        ..start.clone()
    }))
}
