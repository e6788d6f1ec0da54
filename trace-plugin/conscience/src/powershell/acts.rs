//! Cmdlets that run something: blocks, texts, programs, jobs; and those that fetch and send.

use super::{BLOCK, Reader, args::Bound, stands_for};
use crate::{
    code::value::Value,
    effect::{Effect, EffectKind},
    shell::flow::{Field, Flow, Taint},
};

impl Reader<'_, '_> {
    #[expect(
        clippy::too_many_lines,
        reason = "one table: a line or two for each name"
    )]
    pub(super) fn running_cmdlet(&mut self, name: &str, bound: &Bound) -> Option<Value> {
        match name {
            "invoke-expression" => {
                let value = bound
                    .at("command", 0)
                    .or(bound.piped.as_ref())
                    .cloned()
                    .unwrap_or_default();
                return Some(self.evaluate(&value));
            }
            "foreach-object" | "where-object" => return Some(self.each_of(name, bound)),
            "invoke-command"
            | "start-job"
            | "measure-command"
            | "trace-command"
            | "use-transaction"
            | "register-objectevent"
            | "register-engineevent"
            | "set-psbreakpoint"
            | "set-psreadlinekeyhandler"
            | "invoke-parallel"
            | "invoke-inparallel" => {
                let mut out = Value::Unknown;
                let given = bound.piped.clone().unwrap_or_default();
                for value in bound
                    .parameters
                    .iter()
                    .map(|(_, value)| value)
                    .chain(&bound.plain)
                {
                    if let Value::Name(block) = value
                        && block.starts_with(BLOCK)
                    {
                        out = self.block(&block[1..], &given);
                    }
                }
                return Some(out);
            }
            "invoke-webrequest" | "invoke-restmethod" | "start-bitstransfer" => {
                return Some(self.web(name, bound));
            }
            "send-mailmessage" => {
                let mut taint = Taint::default();
                for value in bound.parameters.iter().map(|(_, value)| value) {
                    taint.merge(&value.taint());
                }
                for file in bound
                    .get("attachments")
                    .map(Value::words)
                    .unwrap_or_default()
                {
                    taint.merge(&self.shell.read(&file, self.program).taint);
                }
                self.shell.send("mail", &Flow::tainted(taint), self.program);
            }
            "start-process" => {
                let file = bound
                    .at("filepath", 0)
                    .map(Value::words)
                    .unwrap_or_default();
                let args = bound
                    .at("argumentlist", 1)
                    .map(Value::words)
                    .unwrap_or_default();
                if bound
                    .get("verb")
                    .and_then(Value::text)
                    .is_some_and(|verb| verb.eq_ignore_ascii_case("runas"))
                    && args.is_empty()
                {
                    self.shell.emit(
                        Effect::new(EffectKind::RaisePrivileges, "administrator")
                            .manner("root_shell")
                            .program(self.program),
                    );
                }
                self.start(&file.into_iter().chain(args).collect::<Vec<_>>());
            }
            "new-object" => {
                let kind = bound
                    .get("typename")
                    .or_else(|| bound.get("comobject"))
                    .or_else(|| bound.plain.first())
                    .and_then(Value::text)
                    .unwrap_or_default()
                    .to_ascii_lowercase();
                let kind = kind.strip_prefix("system.").unwrap_or(&kind).to_owned();
                // `New-Object IO.StreamReader(…)`: what is read is what it was given.
                let mut taint = Taint::default();
                bound
                    .plain
                    .iter()
                    .skip(1)
                    .for_each(|value| taint.merge(&value.taint()));
                if taint != Taint::default() {
                    return Some(Value::tainted(taint));
                }
                return Some(Value::Name(kind));
            }
            "get-wmiobject" | "get-ciminstance" => {
                let class = bound
                    .get("classname")
                    .or_else(|| bound.get("query"))
                    .or_else(|| bound.plain.first())
                    .and_then(Value::text)
                    .unwrap_or_default()
                    .to_ascii_lowercase();
                return Some(Value::Name(format!("wmi.{class}")));
            }
            "remove-ciminstance" | "remove-wmiobject" => {
                let shadow = matches!(&bound.piped, Some(Value::Name(of)) if of.contains("shadowcopy"))
                    || bound
                        .plain
                        .iter()
                        .chain(bound.parameters.iter().map(|(_, value)| value))
                        .any(|value| {
                            matches!(value, Value::Name(of) if of.contains("shadowcopy"))
                                || value.text().is_some_and(|text| {
                                    text.to_ascii_lowercase().contains("shadowcopy")
                                })
                        });
                if shadow {
                    self.native(&["vssadmin", "delete", "shadows"]);
                }
            }
            "invoke-wmimethod" | "invoke-cimmethod" => {
                for value in bound
                    .plain
                    .iter()
                    .chain(bound.parameters.iter().map(|(_, value)| value))
                {
                    for word in value.words() {
                        if word.is_known() && word.text.contains([' ', '\\']) {
                            self.shell.subshell(&word.text, &Flow::default());
                        }
                    }
                }
            }
            "set-variable" | "new-variable" => {
                if let (Some(name), Some(value)) = (
                    bound
                        .at("name", 0)
                        .and_then(Value::text)
                        .map(str::to_ascii_lowercase),
                    bound.at("value", 1).cloned(),
                ) {
                    self.names.insert(name, value);
                }
            }
            "get-variable" => {
                let name = bound
                    .at("name", 0)
                    .and_then(Value::text)?
                    .to_ascii_lowercase();
                return Some(self.variable(&name));
            }
            "set-alias" | "new-alias" => {
                if let (Some(name), Some(value)) = (
                    bound.at("name", 0).and_then(Value::text),
                    bound.at("value", 1).and_then(Value::text),
                ) {
                    let value = value.to_ascii_lowercase();
                    self.aliases.insert(name.to_ascii_lowercase(), value);
                }
            }
            "get-process" if bound.plain.is_empty() && bound.parameters.is_empty() => {
                return Some(Value::Name("every process".to_owned()));
            }
            "get-command" => {
                // `& (Get-Command Remove-Item) …`
                let all = bound.at("name", 0).cloned().unwrap_or_default();
                return Some(all);
            }
            "convertto-securestring" => {}
            "get-clipboard" => return Some(Value::Unknown),
            _ => return None,
        }
        Some(Value::Unknown)
    }

    /// Runs a text as PowerShell.
    pub(super) fn evaluate(&mut self, value: &Value) -> Value {
        self.shell.code_taint(&value.taint(), self.program);
        match value {
            Value::Text(field) if field.is_known() => {
                if self.shell.deeper() {
                    let text = field.text.clone();
                    let out = self.script(&text);
                    self.shell.shallower();
                    return out;
                }
                self.shell.shallower();
                Value::Unknown
            }
            Value::Name(block) if block.starts_with(BLOCK) => self.script(&block[1..]),
            Value::List(values) => {
                let mut out = Value::Unknown;
                for value in values.iter().take(16) {
                    out = self.evaluate(value);
                }
                out
            }
            other => {
                let taint = other.taint();
                if taint.downloaded.is_none() && !taint.decoded {
                    self.shell.opaque("script", self.program);
                }
                Value::Unknown
            }
        }
    }

    fn each_of(&mut self, name: &str, bound: &Bound) -> Value {
        let given = bound
            .piped
            .clone()
            .or_else(|| bound.get("inputobject").cloned())
            .unwrap_or_default();
        let mut out = Value::Unknown;
        let blocks: Vec<String> = bound
            .parameters
            .iter()
            .map(|(_, value)| value)
            .chain(&bound.plain)
            .filter_map(|value| match value {
                Value::Name(block) if block.starts_with(BLOCK) => Some(block[1..].to_owned()),
                _ => None,
            })
            .collect();
        for block in &blocks {
            out = self.block(block, &given);
        }
        if name == "where-object" {
            return given.narrowed();
        }
        if blocks.is_empty() {
            // `ForEach-Object Delete`.
            if let Some(member) = bound
                .at("membername", 0)
                .and_then(Value::text)
                .map(str::to_ascii_lowercase)
            {
                return self.member(given, &member, Some(Vec::new()));
            }
        }
        out
    }

    fn web(&mut self, name: &str, bound: &Bound) -> Value {
        let url = bound
            .get("uri")
            .or_else(|| bound.get("source"))
            .or_else(|| bound.plain.first())
            .or(bound.piped.as_ref())
            .cloned()
            .unwrap_or_default();
        let text = url
            .words()
            .first()
            .map(|field| field.text.clone())
            .unwrap_or_default();
        let mut sent = url.taint();
        sent.downloaded = None;
        for part in ["body", "form", "headers"] {
            if let Some(value) = bound.get(part) {
                sent.merge(&value.taint());
            }
        }
        let posts = bound.get("method").is_some();
        if let Some(piped) = bound
            .piped
            .as_ref()
            .filter(|_| posts || bound.get("body").is_some())
        {
            sent.merge(&piped.taint());
        }
        if let Some(file) = bound.get("infile").and_then(Value::field).cloned() {
            sent.merge(&self.shell.read(&file, self.program).taint);
        }
        let got = self.fetched(&text, &sent);
        let file = if name == "start-bitstransfer" {
            bound.at("destination", 1)
        } else {
            bound.get("outfile")
        };
        if let Some(file) = file.and_then(Value::field).cloned() {
            self.saved(&file, &got);
            return if bound.on("passthru") {
                got
            } else {
                Value::Unknown
            };
        }
        got
    }

    /// Starts a program with its arguments, which may be a text of several.
    pub(super) fn start(&mut self, words: &[Field]) {
        let Some((file, args)) = words.split_first() else {
            return;
        };
        let args: Vec<Field> = match args {
            [only] if only.is_known() && only.text.contains(' ') => {
                let shell = file.text.to_ascii_lowercase();
                if shell.contains("powershell") || shell.contains("pwsh") {
                    let mut rest = only.text.as_str();
                    let mut out = Vec::new();
                    while let Some((flag, after)) = rest.trim_start().split_once(' ') {
                        if !flag.starts_with('-') {
                            break;
                        }
                        out.push(Field::known(flag));
                        rest = after;
                        if stands_for(flag, "command", 1) || stands_for(flag, "encodedcommand", 1) {
                            break;
                        }
                    }
                    out.push(Field::known(rest));
                    out
                } else {
                    only.text.split_whitespace().map(Field::known).collect()
                }
            }
            other => other.to_vec(),
        };
        if file.is_known() {
            let path = self.shell.path(&file.text).display();
            if let Some(flow) = self.shell.written.get(&path).cloned() {
                self.shell.code_taint(&flow.taint, self.program);
                return;
            }
        }
        let argv: Vec<Field> = std::iter::once(file.clone()).chain(args).collect();
        self.shell.invoke(&argv, &Flow::default());
    }
}
