//! Text for PowerShell and for cmd.exe, read like shell text: pipelines of cmdlets, their aliases and abbreviated
//! parameters, variables, script blocks, .NET calls, encoded commands. What native programs do is told in `programs`.

mod acts;
mod args;
mod assign;
mod batch;
mod cmdlets;
mod collections;
mod dotnet;
mod expression;
mod files;
pub(crate) mod machine;
mod scan;
mod statement;

use std::collections::HashMap;

use crate::{
    code::value::Value,
    effect::{Effect, EffectKind},
    escape,
    limits::MAX_TEXT_BYTES,
    programs::Call,
    shell::{
        Shell,
        flow::{Field, Flow},
    },
};

/// Reads one text. Names are kept in lower case.
struct Reader<'r, 'w> {
    shell: &'r mut Shell<'w>,
    program: &'r str,
    chars: Vec<char>,
    at: usize,
    names: HashMap<String, Value>,
    /// The text's own functions: their parameters and bodies.
    functions: HashMap<String, (Vec<String>, String)>,
    aliases: HashMap<String, String>,
    depth: usize,
    /// How many values are being read within each other.
    nested: usize,
}

/// How deep brackets, blocks and strings with code in them may nest.
const MAX_BLOCKS: usize = 10;

/// The mark of a script block among values: a name that starts with it holds the block's text.
const BLOCK: char = '{';

/// Whether `-name` stands for the option `full`, abbreviated as PowerShell's own command line allows.
fn stands_for(arg: &str, full: &str, least: usize) -> bool {
    let lower = arg.to_ascii_lowercase().replace('/', "-");
    let name = lower.trim_start_matches('-');
    arg.starts_with(['-', '/']) && name.len() >= least && full.starts_with(name)
}

impl Shell<'_> {
    /// `powershell`, `pwsh`: what is on the line, on standard input, or encoded.
    pub(crate) fn powershell(&mut self, call: &Call<'_>) -> Flow {
        let mut at = 0;
        while let Some(arg) = call.args.get(at) {
            let text = arg.text.as_str();
            if stands_for(text, "encodedcommand", 1) && !stands_for(text, "executionpolicy", 2)
                || text.eq_ignore_ascii_case("-ec")
            {
                return self.encoded(call.args.get(at + 1), call.name);
            }
            if stands_for(text, "command", 1) {
                let rest = &call.args[at + 1..];
                if rest.first().is_some_and(|word| word.text == "-") {
                    return self.powershell_flow(&call.stdin.clone(), call.name);
                }
                return self.powershell_words(rest, call);
            }
            if stands_for(text, "file", 1) {
                return self.powershell_file(call.args.get(at + 1), call);
            }
            if text == "-" {
                return self.powershell_flow(&call.stdin.clone(), call.name);
            }
            if !text.starts_with('-') {
                // pwsh takes a file, powershell.exe a command.
                if call.name == "powershell" && !text.to_ascii_lowercase().ends_with(".ps1") {
                    return self.powershell_words(&call.args[at..], call);
                }
                return self.powershell_file(Some(arg), call);
            }
            let valued = [
                "executionpolicy",
                "ex",
                "ep",
                "windowstyle",
                "w",
                "workingdirectory",
                "wd",
                "version",
                "configurationname",
                "inputformat",
                "outputformat",
                "settingsfile",
                "custompipename",
            ];
            let name = text.trim_start_matches('-').to_ascii_lowercase();
            let takes = !name.is_empty()
                && valued.iter().any(|full| {
                    full.starts_with(name.as_str()) && name.len() >= 2 || *full == name
                });
            at += 1 + usize::from(takes);
        }
        if call.stdin.connected {
            return self.powershell_flow(&call.stdin.clone(), call.name);
        }
        Flow::unforeseen()
    }

    fn powershell_words(&mut self, words: &[Field], call: &Call<'_>) -> Flow {
        let mut all = Flow::text("");
        for (i, word) in words.iter().enumerate() {
            if i > 0 {
                all = all.then(&Flow::text(" "));
            }
            all = all.then(&crate::shell::flow::flow_of(word));
        }
        if all.text.is_none() {
            // What is unknown stands as a variable of that name.
            let text: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
            all.text = Some(text.join(" "));
        }
        self.powershell_flow(&all, call.name)
    }

    fn powershell_file(&mut self, file: Option<&Field>, call: &Call<'_>) -> Flow {
        match file.and_then(|file| self.script(file)) {
            Some(flow) => self.powershell_flow(&flow, call.name),
            None => Flow::unforeseen(),
        }
    }

    fn encoded(&mut self, text: Option<&Field>, program: &str) -> Flow {
        let decoded = text
            .filter(|field| field.is_known())
            .and_then(|field| escape::base64_wide(&field.text));
        if let Some(text) = decoded {
            // What is hidden is read; when it is harmless in clear text, hiding it is odd and no more.
            self.powershell_flow(&Flow::text(text), program)
        } else {
            self.emit(Effect::new(EffectKind::RunHidden, "").program(program));
            Flow::unforeseen()
        }
    }

    fn powershell_flow(&mut self, flow: &Flow, program: &str) -> Flow {
        self.code_taint(&flow.taint, program);
        match &flow.text {
            Some(text) => self.powershell_text(&text.clone(), program),
            None => Flow::unforeseen(),
        }
    }

    /// Reads `text` as PowerShell; answers what it prints.
    pub(crate) fn powershell_text(&mut self, text: &str, program: &str) -> Flow {
        if text.len() > MAX_TEXT_BYTES {
            self.opaque("too_long", program);
            return Flow::unforeseen();
        }
        let mut out = Flow::unforeseen();
        if self.deeper() {
            let scope = self.scope.clone();
            dotnet::look_at_whole(self, text, program);
            let value = Reader::new(self, program).script(text);
            out = value.flow();
            out.connected = true;
            self.scope = scope;
        }
        self.shallower();
        out
    }
}

impl<'r, 'w> Reader<'r, 'w> {
    fn new(shell: &'r mut Shell<'w>, program: &'r str) -> Self {
        Self {
            shell,
            program,
            chars: Vec::new(),
            at: 0,
            names: HashMap::new(),
            functions: HashMap::new(),
            aliases: HashMap::new(),
            depth: 0,
            nested: 0,
        }
    }

    /// Reads a text of its own within this one, such as a block; answers what it gives.
    fn script(&mut self, text: &str) -> Value {
        if !self.shell.work(4 + text.len() / 16) {
            return Value::Unknown;
        }
        if self.depth >= MAX_BLOCKS {
            self.shell.opaque("too_complex", self.program);
            return Value::Unknown;
        }
        let chars = std::mem::replace(&mut self.chars, scan::prepared(text));
        let at = std::mem::take(&mut self.at);
        self.depth += 1;
        let value = self.statements();
        self.depth -= 1;
        self.chars = chars;
        self.at = at;
        value
    }

    /// Runs a block with `$_` bound to what is piped in.
    fn block(&mut self, text: &str, given: &Value) -> Value {
        let elements = match given {
            Value::List(values) if !values.is_empty() => values.clone(),
            other => vec![other.clone()],
        };
        let mut all = Vec::new();
        for element in elements.into_iter().take(crate::limits::MAX_LOOP_VALUES) {
            self.names.insert("_".to_owned(), element.clone());
            self.names.insert("psitem".to_owned(), element.clone());
            self.names.insert("input".to_owned(), element);
            all.push(self.script(text));
        }
        if all.len() == 1 {
            all.pop().unwrap_or_default()
        } else {
            Value::list(all)
        }
    }
}
