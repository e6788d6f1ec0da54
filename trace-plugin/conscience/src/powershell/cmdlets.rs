//! Cmdlets by name and alias, and who tells what they do.

use super::{BLOCK, Reader, args::Words};
use crate::{
    code::value::Value,
    shell::flow::{Field, Flow},
};

/// Aliases and the cmdlets that they stand for, in lower case.
const ALIASES: &[(&str, &str)] = &[
    ("%", "foreach-object"),
    ("foreach", "foreach-object"),
    ("?", "where-object"),
    ("where", "where-object"),
    ("ac", "add-content"),
    ("cat", "get-content"),
    ("cd", "set-location"),
    ("chdir", "set-location"),
    ("clc", "clear-content"),
    ("clear-variable", "clv"),
    ("clhy", "clear-history"),
    ("cli", "clear-item"),
    ("clp", "clear-itemproperty"),
    ("copy", "copy-item"),
    ("cp", "copy-item"),
    ("cpi", "copy-item"),
    ("curl", "invoke-webrequest"),
    ("del", "remove-item"),
    ("dir", "get-childitem"),
    ("echo", "write-output"),
    ("erase", "remove-item"),
    ("fl", "format-list"),
    ("ft", "format-table"),
    ("gc", "get-content"),
    ("gci", "get-childitem"),
    ("gi", "get-item"),
    ("gl", "get-location"),
    ("gp", "get-itemproperty"),
    ("gps", "get-process"),
    ("group", "group-object"),
    ("gwmi", "get-wmiobject"),
    ("gcim", "get-ciminstance"),
    ("icm", "invoke-command"),
    ("iex", "invoke-expression"),
    ("irm", "invoke-restmethod"),
    ("iwr", "invoke-webrequest"),
    ("kill", "stop-process"),
    ("ls", "get-childitem"),
    ("measure", "measure-object"),
    ("mi", "move-item"),
    ("mount", "new-psdrive"),
    ("move", "move-item"),
    ("mv", "move-item"),
    ("ni", "new-item"),
    ("nal", "new-alias"),
    ("ps", "get-process"),
    ("pushd", "set-location"),
    ("push-location", "set-location"),
    ("pwd", "get-location"),
    ("rd", "remove-item"),
    ("ren", "rename-item"),
    ("ri", "remove-item"),
    ("rm", "remove-item"),
    ("rmdir", "remove-item"),
    ("rni", "rename-item"),
    ("rp", "remove-itemproperty"),
    ("sajb", "start-job"),
    ("sal", "set-alias"),
    ("saps", "start-process"),
    ("sasv", "start-service"),
    ("sc", "set-content"),
    ("select", "select-object"),
    ("si", "set-item"),
    ("sl", "set-location"),
    ("sls", "select-string"),
    ("sort", "sort-object"),
    ("sp", "set-itemproperty"),
    ("spps", "stop-process"),
    ("spsv", "stop-service"),
    ("start", "start-process"),
    ("sv", "set-variable"),
    ("set", "set-variable"),
    ("tee", "tee-object"),
    ("type", "get-content"),
    ("wget", "invoke-webrequest"),
    ("write", "write-output"),
    ("iwmi", "invoke-wmimethod"),
    ("rwmi", "remove-wmiobject"),
    ("ipmo", "import-module"),
    ("start-threadjob", "start-job"),
    ("oss", "out-string"),
    ("rv", "remove-variable"),
];

/// Aliases that are programs of their own where there are no aliases for them, and whose options tell which is meant.
const ALSO_PROGRAMS: &str = " cat cp curl kill ls mount mv ps pwd rm rmdir sort tee wget echo rd del erase copy move dir type ren start sc set where ";

/// Cmdlets that hand on what is piped in, as it is.
const PASS_ON: &str = " where-object sort-object select-object group-object format-table format-list format-wide out-host \
    out-default out-string tee-object convertfrom-json convertto-json measure-object get-unique convertfrom-csv convertto-csv \
    write-output convert-path resolve-path select-string convertto-html convertfrom-securestring receive-job wait-job \
    get-item get-childitem ";

impl Reader<'_, '_> {
    /// Runs the command `target` with its words; answers what it gives.
    pub(super) fn run_command(&mut self, target: &Value, words: &mut Words) -> Value {
        if !self.shell.work(10 + words.args.len()) {
            return Value::Unknown;
        }
        let piped = words.piped.clone();
        match target {
            Value::Name(block) if block.starts_with(BLOCK) => {
                let given = piped.unwrap_or_default();
                self.arguments(&words.fields());
                let body = block[1..].trim_start();
                let head = body
                    .get(..5)
                    .is_some_and(|head| head.eq_ignore_ascii_case("param"));
                if let Some(end) = body.find(')').filter(|_| head) {
                    let names = super::statement::names_in(&body[5..end]);
                    for (name, value) in names.into_iter().zip(words.bound().plain) {
                        self.names.insert(name, value);
                    }
                }
                return self.block(&block[1..], &given);
            }
            Value::List(_) | Value::Name(_) | Value::Unknown => {
                self.shell.code_taint(&target.taint(), self.program);
                self.shell.opaque("command", self.program);
                return Value::Unknown;
            }
            Value::Text(_) => {}
        }
        let Some(field) = target.field().cloned() else {
            return Value::Unknown;
        };
        if !field.is_known() {
            let argv: Vec<Field> = std::iter::once(field).chain(words.fields()).collect();
            let flow = self.shell.invoke(&argv, &Flow::default());
            return Value::of_flow(&flow);
        }
        let lower = field.text.to_ascii_lowercase();
        // `Microsoft.PowerShell.Management\Remove-Item`.
        let lower = match lower.rsplit_once('\\') {
            Some((module, name)) if module.starts_with("microsoft.") => name.to_owned(),
            _ => lower,
        };
        if let Some((parameters, body)) = self.functions.get(&lower).cloned() {
            return self.call(&parameters, &body, words);
        }
        let name = self.aliases.get(&lower).cloned().unwrap_or(lower);
        let known = ALIASES.iter().find(|(alias, _)| *alias == name);
        let canonical = known.map_or(name.as_str(), |(_, full)| *full).to_owned();
        let program_too = ALSO_PROGRAMS.contains(&format!(" {name} "));
        let taken = if program_too && native_options(words) {
            None
        } else {
            self.cmdlet(&canonical, words)
        };
        match taken {
            Some(value) => value,
            None if is_cmdlet(&canonical) && known.is_none() => self.unknown(&canonical, words),
            None => self.program_of(&field, &name, words),
        }
    }

    fn call(&mut self, parameters: &[String], body: &str, words: &Words) -> Value {
        let bound = words.bound();
        let mut plain = bound.plain.iter();
        for parameter in parameters {
            let value = match bound.get(parameter) {
                Some(value) if value.text() != Some("$true") => Some(value.clone()),
                _ => plain.next().cloned(),
            };
            if let Some(value) = value {
                self.names.insert(parameter.clone(), value);
            }
        }
        self.arguments(&words.fields());
        let given = words.piped.clone().unwrap_or_default();
        self.block(body, &given)
    }

    fn arguments(&mut self, fields: &[Field]) {
        let values = fields
            .iter()
            .map(|field| Value::Text(Box::new(field.clone())))
            .collect();
        self.names.insert("args".to_owned(), Value::list(values));
    }

    /// A program that is no cmdlet.
    fn program_of(&mut self, field: &Field, name: &str, words: &Words) -> Value {
        let stem = name.strip_suffix(".exe").unwrap_or(name);
        let base = stem.rsplit(['/', '\\']).next().unwrap_or(stem);
        // `.\x.ps1`, `./x.exe`: what this text has written before.
        if let Some(flow) = self.shell.script(field) {
            self.shell.code_taint(&flow.taint, self.program);
            if let Some(text) = flow.text.filter(|_| name.ends_with(".ps1")) {
                return self.script(&text);
            }
            return Value::Unknown;
        }
        let first = Field {
            text: if base.is_empty() || name.contains(['/', '\\']) {
                field.text.clone()
            } else {
                base.to_owned()
            },
            ..field.clone()
        };
        let argv: Vec<Field> = std::iter::once(first).chain(words.fields()).collect();
        let stdin = words.piped.as_ref().map(Value::flow).unwrap_or_default();
        let flow = self.shell.invoke(&argv, &stdin);
        Value::of_flow(&flow)
    }

    fn cmdlet(&mut self, name: &str, words: &Words) -> Option<Value> {
        let bound = words.bound();
        if bound.on("whatif")
            && !matches!(name, "foreach-object" | "where-object")
            && name.contains('-')
        {
            return Some(Value::Unknown);
        }
        if let Some(value) = self.file_cmdlet(name, &bound) {
            return Some(value);
        }
        if let Some(value) = self.running_cmdlet(name, &bound) {
            return Some(value);
        }
        if super::machine::read(self.shell, name, &bound, self.program) {
            return Some(Value::Unknown);
        }
        if PASS_ON.contains(&format!(" {name} ")) {
            return Some(
                bound
                    .piped
                    .or_else(|| {
                        let mut plain = bound.plain;
                        if plain.len() > 1 {
                            Some(Value::list(plain))
                        } else {
                            plain.pop()
                        }
                    })
                    .unwrap_or_default(),
            );
        }
        None
    }

    /// A cmdlet nobody told us about: what it is given goes through it.
    fn unknown(&mut self, name: &str, words: &Words) -> Value {
        let bound = words.bound();
        for (_, value) in &bound.parameters {
            if let Value::Name(block) = value
                && block.starts_with(BLOCK)
            {
                self.block(&block[1..], &Value::Unknown);
            }
        }
        for value in &bound.plain {
            if let Value::Name(block) = value
                && block.starts_with(BLOCK)
            {
                self.block(&block[1..], &Value::Unknown);
            }
        }
        let _ = name;
        Value::tainted(bound.piped.as_ref().map(Value::taint).unwrap_or_default())
    }
}

/// `Verb-Noun`.
fn is_cmdlet(name: &str) -> bool {
    name.split_once('-').is_some_and(|(verb, noun)| {
        verb.len() > 2
            && !noun.is_empty()
            && verb.chars().all(char::is_alphabetic)
            && noun.chars().all(char::is_alphanumeric)
    })
}

/// Whether the options are those of a program and not of a cmdlet: `-rf`, `--force`, `/s`.
fn native_options(words: &Words) -> bool {
    words.args.iter().any(|arg| match arg {
        super::args::Arg::Parameter(name, None) => {
            let lower = name.to_ascii_lowercase();
            matches!(
                lower.as_str(),
                "rf" | "fr"
                    | "rfv"
                    | "la"
                    | "al"
                    | "l"
                    | "a"
                    | "lah"
                    | "ah"
                    | "sl"
                    | "fssl"
                    | "ss"
                    | "s"
                    | "x"
                    | "d"
                    | "o"
                    | "9"
                    | "aux"
                    | "ef"
                    | "t"
                    | "u"
                    | "n"
                    | "q"
                    | "qo"
                    | "fsl"
                    | "fl"
                    | "rp"
                    | "av"
                    | "k"
                    | "g"
            ) || name.chars().next().is_some_and(char::is_uppercase) && name.len() == 1
        }
        super::args::Arg::Value(value) => value
            .text()
            .is_some_and(|text| text.starts_with("--") || text.len() == 2 && text.starts_with('/')),
        super::args::Arg::Parameter(..) => false,
    })
}
