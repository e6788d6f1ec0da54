//! What a call gives, and the calls that only build values. What the others do is told in `acts`.

use super::{
    Language,
    acts::act,
    eval::{Arg, Reader},
    names::module_name,
    table::{Does, does},
    value::{Value, is_environment},
};
use crate::shell::flow::{Field, Flow, Taint};

/// Methods of all sorts of objects whose text is mostly a command.
const RUNNERS: &[&str] = &[
    "run",
    "sudo",
    "local",
    "remote",
    "shell",
    "sh",
    "cmd",
    "command",
    "exec_run",
    "execCommand",
    "exec",
    "call",
    "send_command",
    "sendline",
    "spawn",
    "ssh",
    "bash",
    "invoke",
    "submit",
    "exec_in_container",
    "run_command",
];

/// Reads one call; answers what it gives.
pub(super) fn call(
    reader: &mut Reader<'_, '_>,
    name: &str,
    receiver: Option<&Value>,
    args: &[Arg],
) -> Value {
    // `array_map(function ($f) { … }, glob("…"))`: the function is called with what else is given.
    if let Some(parameter) = reader.last_lambda.first().cloned() {
        let given = receiver
            .into_iter()
            .chain(args.iter().map(|arg| &arg.value))
            .find(|value| {
                matches!(value, Value::List(_)) || value.field().is_some_and(|field| field.glob)
            });
        if let Some(value) = given.map(Value::element) {
            let parameter = parameter.trim_start_matches(['*', '{']).to_owned();
            reader.names.insert(parameter, value);
            reader.last_lambda.clear();
        }
    }
    let mut taint = receiver.map(Value::taint).unwrap_or_default();
    for arg in args {
        taint.merge(&arg.value.taint());
    }
    given_on(reader, receiver, args);
    if let Some(value) = named(reader, name, receiver, args, &taint) {
        return value;
    }
    let short = name.rsplit(['.', ':']).next().unwrap_or(name);
    if let Some(value) = built(name, short, receiver, args, &taint) {
        return value;
    }
    // What is written to a connection leaves the machine.
    if let Some(peer) = receiver.and_then(|value| value.taint().downloaded)
        && matches!(short, "end" | "write" | "send" | "sendall")
    {
        let sent = Taint {
            downloaded: None,
            ..taint.clone()
        };
        let flow = Flow::tainted(sent);
        reader.shell.send(&peer, &flow, reader.program);
    }
    let found = does(name, reader.language);
    // `(dolist (d (list …)) …)`, `(let ((d …)) …)`: a name and its value.
    if reader.language == Language::Lisp
        && found.is_none()
        && let [only] = args
    {
        reader.names.insert(name.to_owned(), only.value.element());
        reader.again = true;
    }
    if let Some(does) = found {
        return act(reader, does, name, receiver, args, taint);
    }
    // A method of something unknown that is called like what runs commands.
    if receiver.is_some() && RUNNERS.contains(&short) {
        let texts: Vec<String> = args
            .iter()
            .filter_map(|arg| arg.value.text())
            .filter(|text| text.contains(' '))
            .map(str::to_owned)
            .collect();
        for text in texts {
            reader.shell.guess_text(&text);
        }
    }
    Value::tainted(taint)
}

/// Calls that stand for a module, a function or a variable.
fn named(
    reader: &mut Reader<'_, '_>,
    name: &str,
    receiver: Option<&Value>,
    args: &[Arg],
    taint: &Taint,
) -> Option<Value> {
    let first = args.first().map(|arg| &arg.value);
    let text = first.and_then(Value::text);
    match name {
        "require"
        | "__import__"
        | "import"
        | "import_module"
        | "importlib.import_module"
        | "process.binding"
        | "createRequire"
        | "process.mainModule.require"
        | "module.require" => {
            return text.map(|module| Value::Name(module_name(module)));
        }
        "getattr" | "Reflect.get" => {
            if let (Some(Value::Name(object)), Some(member)) =
                (first, args.get(1).and_then(|arg| arg.value.text()))
            {
                return Some(Value::Name(format!("{object}.{member}")));
            }
        }
        "getenv" | "os.getenv" | "System.get_env" | "Sys.getenv" | "std.getenv" => {
            if let Some(name) = text.map(str::to_owned) {
                return Some(reader.variable(&name));
            }
        }
        "chr" | "String.fromCharCode" | "fromCharCode" | "string.char" | "utf8.char" => {
            let words: Vec<Field> = args.iter().flat_map(|arg| arg.value.words()).collect();
            return letters(&words).map(|letters| {
                letters
                    .iter()
                    .fold(Value::known(""), |all, letter| all.joined("", letter))
            });
        }
        "dict" | "JSON.stringify" | "json.dumps" | "encodeURIComponent" | "urlencode" | "btoa"
        | "b64encode" | "to_json" | "vars" => {
            return Some(Value::tainted(taint.clone()));
        }
        "getpwuid" | "getpwnam" | "pwd.getpwuid" | "pwd.getpwnam" | "posix_getpwuid"
        | "Etc.getpwuid" => {
            let home = Value::known(reader.shell.home.as_deref().unwrap_or("~"));
            return Some(Value::list(vec![home; 9]));
        }
        "tempfile.mkdtemp" | "mkdtemp" | "mkdtempSync" | "tempfile.mktemp" | "Dir.mktmpdir" => {
            return Some(Value::known("/tmp/made/new"));
        }
        _ => {}
    }
    // Perl's `find(sub { … }, directory)`.
    if reader.language == Language::Perl
        && matches!(name, "find" | "finddepth" | "File::Find::find")
        && let Some(field) = args.iter().rev().find_map(|arg| arg.value.field())
    {
        let listing = Field {
            text: format!("{}/*", field.text.trim_end_matches('/')),
            glob: true,
            ..field.clone()
        };
        reader
            .names
            .insert("$_".to_owned(), Value::Text(Box::new(listing)));
        reader.again = true;
        return Some(Value::Unknown);
    }
    // A function by its name: `Kernel.send(:system, …)`, `call_user_func("system", …)`, `f.call(…)`.
    let short = name.rsplit(['.', ':']).next().unwrap_or(name);
    let by_name = matches!(
        short,
        "send"
            | "public_send"
            | "__send__"
            | "call_user_func"
            | "call_user_func_array"
            | "apply"
            | "Task.async"
            | "map"
    );
    if by_name
        && let Some(Value::Text(field)) = first
        && field.is_known()
        && receiver.is_none()
    {
        let function = field.text.trim_start_matches(':').to_owned();
        if does(&function, reader.language).is_some() {
            let rest: Vec<Arg> = args
                .iter()
                .skip(1)
                .map(|arg| Arg {
                    name: arg.name.clone(),
                    value: arg.value.clone(),
                })
                .collect();
            return Some(call(reader, &function, None, &rest));
        }
    }
    if name.is_empty()
        && let Some(Value::Name(function)) = receiver
    {
        return Some(call(reader, &function.clone(), None, args));
    }
    None
}

/// Calls that make a text or a list of others.
#[expect(
    clippy::too_many_lines,
    reason = "one table: a line or two for each name"
)]
fn built(
    name: &str,
    short: &str,
    receiver: Option<&Value>,
    args: &[Arg],
    taint: &Taint,
) -> Option<Value> {
    let first = args.first().map(|arg| &arg.value);
    match (short, receiver) {
        ("dirname" | "parent", _) => {
            let field = receiver
                .and_then(Value::field)
                .or_else(|| first.and_then(Value::field))
                .filter(|field| field.is_known())?;
            let up = field.text.trim_end_matches('/').rsplit_once('/');
            Some(Value::known(match up {
                Some(("", _)) => "/",
                Some((up, _)) => up,
                None => ".",
            }))
        }
        ("map", None) if matches!(first, Some(Value::Name(function)) if function == "chr") => {
            Some(Value::list(letters(&args.get(1)?.value.words())?))
        }
        ("bytes" | "bytearray", None) if matches!(first, Some(Value::List(_))) => {
            let letters = letters(&first?.words())?;
            Some(
                letters
                    .iter()
                    .fold(Value::known(""), |all, letter| all.joined("", letter)),
            )
        }
        ("split" | "explode" | "preg_split" | "strsplit", None) => {
            let text = args.last()?.value.text()?;
            let mark = first.and_then(Value::text).filter(|_| args.len() > 1);
            Some(Value::list(match mark {
                Some(mark) if !mark.is_empty() && mark != text => {
                    text.split(mark).map(Value::known).collect()
                }
                _ => text.split_whitespace().map(Value::known).collect(),
            }))
        }
        ("pw_dir" | "dir", Some(value @ Value::List(_))) => Some(value.element()),
        _ if name.starts_with("Object.") => Some(Value::list(
            args.iter().map(|arg| arg.value.clone()).collect(),
        )),
        (
            "Seq" | "Vector" | "list" | "vector" | "array" | "c" | "tuple" | "of" | "asList"
            | "listOf" | "arrayOf" | "List",
            None | Some(Value::Name(_)),
        ) if args.len() > 1 => Some(Value::list(
            args.iter().map(|arg| arg.value.clone()).collect(),
        )),
        (
            "filter" | "select" | "reject" | "grep" | "find_all",
            Some(value @ (Value::List(_) | Value::Text(_))),
        ) => Some(value.clone().narrowed()),
        // What goes through a list gives what is in it.
        (
            "each" | "forEach" | "each_with_index" | "sort_by" | "first" | "last" | "pop" | "shift"
            | "values" | "keys" | "items" | "take" | "flatMap" | "each_entry" | "then" | "tap"
            | "to_a" | "flat_map" | "each_slice" | "splitlines" | "toSorted" | "slice",
            Some(value @ (Value::List(_) | Value::Text(_))),
        ) => Some(value.clone()),
        ("join", Some(Value::Text(between))) => Some(join(&between.text, first, taint)),
        ("join", Some(list @ Value::List(_))) => Some(join(
            first.and_then(Value::text).unwrap_or(" "),
            Some(list),
            taint,
        )),
        ("join" | "implode", None)
            if args.len() > 1 && name == short && first.and_then(Value::text).is_some() =>
        {
            let rest: Vec<Value> = args.iter().skip(1).map(|arg| arg.value.clone()).collect();
            let list = match rest.as_slice() {
                [list @ Value::List(_)] => list.clone(),
                _ => Value::list(rest),
            };
            Some(join(
                first.and_then(Value::text).unwrap_or_default(),
                Some(&list),
                taint,
            ))
        }
        ("reverse" | "strrev" | "reversed" | "String.reverse", _) => {
            let value = receiver.or(first).cloned().unwrap_or_default();
            Some(match value {
                Value::Text(field) if field.is_known() => {
                    Value::known(field.text.chars().rev().collect::<String>())
                }
                Value::List(mut values) => {
                    values.reverse();
                    Value::List(values)
                }
                other => other,
            })
        }
        ("split", Some(value)) => {
            let text = value.text()?;
            Some(match first.and_then(Value::text) {
                Some("") => Value::known(text),
                Some(mark) => Value::list(text.split(mark).map(Value::known).collect()),
                None => Value::list(text.split_whitespace().map(Value::known).collect()),
            })
        }
        ("format" | "sprintf" | "printf", _) => {
            let (text, given) = match receiver.and_then(Value::text) {
                Some(text) => (text, args),
                None => (first?.text()?, args.get(1..)?),
            };
            Some(filled(text, given))
        }
        ("replace" | "replaceAll" | "gsub" | "sub", Some(value)) => {
            let (text, old) = (value.text()?, first?.text()?);
            let new = args.get(1)?.value.text().unwrap_or_default();
            Some(Value::known(text.replace(old, new)))
        }
        ("concat", Some(value)) => Some(
            args.iter()
                .fold(value.clone(), |all, arg| all.joined("", &arg.value)),
        ),
        ("concat" | "paste0" | "str-concat" | "string-append" | "concatenate", None) => Some(
            args.iter()
                .fold(Value::known(""), |all, arg| all.joined("", &arg.value)),
        ),
        _ => None,
    }
}

/// `'{} {}'.format(a, b)` and `sprintf('%s %s', a, b)`.
pub(super) fn filled(text: &str, given: &[Arg]) -> Value {
    let mut out = Value::known("");
    let mut values = given.iter();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '%']) {
        out = out.joined("", &Value::known(&rest[..at]));
        let after = &rest[at..];
        let length = if after.starts_with('{') {
            after.find('}').map_or(1, |end| end + 1)
        } else {
            2.min(after.len())
        };
        let Some(hole) = after.get(..length) else {
            break;
        };
        let index = hole
            .trim_matches(['{', '}'])
            .parse::<usize>()
            .ok()
            .and_then(|at| given.get(at));
        out = match index.or_else(|| values.next()) {
            Some(arg) => out.joined("", &arg.value),
            None => out.joined("", &Value::known(hole)),
        };
        rest = &after[length..];
    }
    out.joined("", &Value::known(rest))
}

/// The letters that numbers stand for.
fn letters(words: &[Field]) -> Option<Vec<Value>> {
    words
        .iter()
        .map(|field| {
            let letter = char::from_u32(number(&field.text)?)?;
            Some(Value::known(letter.to_string()))
        })
        .collect()
}

pub(super) fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

fn join(between: &str, list: Option<&Value>, taint: &Taint) -> Value {
    let Some(Value::List(values)) = list else {
        return list
            .cloned()
            .unwrap_or_else(|| Value::tainted(taint.clone()));
    };
    let mut out = Value::known("");
    for (at, value) in values.iter().enumerate() {
        out = out.joined(if at > 0 { between } else { "" }, value);
    }
    out
}

/// A function handed to what goes through a list: `map(os.remove, …)`, `….forEach(fs.unlinkSync)`, `.then(eval)`.
fn given_on(reader: &mut Reader<'_, '_>, receiver: Option<&Value>, args: &[Arg]) {
    for (at, arg) in args.iter().enumerate() {
        let function = match &arg.value {
            Value::Name(name) => name.clone(),
            Value::Text(field) if reader.language == Language::Php && at == 0 => field.text.clone(),
            _ => continue,
        };
        let Some(found) = does(&function, reader.language) else {
            continue;
        };
        let handed = matches!(
            found,
            Does::Runs | Does::DeletesTree | Does::DeletesFile | Does::Spawns
        );
        if !handed || is_environment(&function) {
            continue;
        }
        let given = receiver
            .filter(|value| !matches!(value, Value::Name(_)))
            .or_else(|| {
                args.iter()
                    .enumerate()
                    .find(|(other, _)| *other != at)
                    .map(|(_, arg)| &arg.value)
            })
            .map(Value::element);
        if let Some(value) = given.filter(|value| matches!(value, Value::Text(_))) {
            let taint = value.taint();
            let arg = Arg { name: None, value };
            act(reader, found, &function, None, &[arg], taint);
        }
    }
}
