//! Cmdlets on files, directories and registry keys.

use super::{
    Reader,
    args::Bound,
    dotnet::listed,
    machine::{is_registry, registry_remove, registry_set},
};
use crate::{
    code::value::Value,
    shell::flow::{Field, Flow, Taint},
};

/// What `-Include` and `-Filter` leave of a listing.
fn narrowed(field: Field, bound: &Bound) -> Field {
    let pattern = ["filter", "include"]
        .iter()
        .find_map(|name| {
            bound
                .parameters
                .iter()
                .find(|(given, _)| given.len() > 2 && name.starts_with(given.as_str()))
        })
        .and_then(|(_, value)| value.words().first().map(|field| field.text.clone()));
    match pattern {
        Some(pattern) if pattern != "*" && pattern != "*.*" => {
            let base = field.text.trim_end_matches("/*").trim_end_matches("\\*");
            Field {
                text: format!("{base}/{pattern}"),
                ..field
            }
        }
        _ => field,
    }
}

impl Reader<'_, '_> {
    pub(super) fn file_cmdlet(&mut self, name: &str, bound: &Bound) -> Option<Value> {
        match name {
            "remove-item" => self.remove(bound),
            "clear-content" | "clear-item" => {
                for field in bound.paths() {
                    self.shell
                        .write(&field, false, &Flow::text(""), self.program);
                }
            }
            "set-content" | "add-content" | "out-file" | "tee-object" | "export-csv"
            | "export-clixml" | "set-item" => {
                return Some(self.put(name, bound));
            }
            "new-item" => self.make(bound),
            "set-itemproperty" | "new-itemproperty" => {
                let key = bound
                    .paths()
                    .first()
                    .map(|field| field.text.clone())
                    .unwrap_or_default();
                let what = bound
                    .at("name", 1)
                    .and_then(Value::text)
                    .unwrap_or_default()
                    .to_owned();
                if is_registry(&key) {
                    registry_set(self.shell, &key, &what, self.program);
                }
            }
            "remove-itemproperty" | "clear-itemproperty" => {
                if let Some(key) = bound.paths().first().filter(|key| is_registry(&key.text)) {
                    registry_remove(self.shell, &key.text, self.program);
                }
            }
            "copy-item" | "move-item" | "rename-item" => self.transfer(name, bound),
            "get-content" | "select-string" | "import-csv" | "import-clixml" => {
                return Some(self.content(name, bound));
            }
            "get-childitem" | "get-item" | "resolve-path" | "convert-path"
                if !(bound.paths().is_empty() && bound.piped.is_some()) =>
            {
                return Some(Self::listing(name, bound));
            }
            "set-location" => {
                let to = bound
                    .paths()
                    .first()
                    .cloned()
                    .unwrap_or_else(|| Field::known("~"));
                if to.is_known() {
                    self.shell.scope.cwd = self.shell.path(&to.text);
                }
            }
            "pop-location" | "popd" => {}
            "join-path" => {
                let mut parts: Vec<Value> = [bound.get("path"), bound.get("childpath")]
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect();
                parts.extend(bound.plain.iter().cloned());
                let mut parts = parts.into_iter();
                let start = parts.next()?;
                return Some(parts.fold(start, |path, next| path.below(&next)));
            }
            "split-path" => return Some(Value::Unknown),
            "compress-archive" => {
                let mut taint = Taint::default();
                for field in bound.paths() {
                    taint.merge(&self.shell.read(&field, self.program).taint);
                }
                if let Some(to) = bound
                    .at("destinationpath", 1)
                    .and_then(Value::field)
                    .cloned()
                {
                    self.shell
                        .write(&to, false, &Flow::tainted(taint), self.program);
                }
            }
            "set-acl" | "set-filesecurity" => {
                for field in bound.paths() {
                    let words = [
                        Field::known("chmod"),
                        Field::known("-R"),
                        Field::known("777"),
                        field,
                    ];
                    self.shell.invoke(&words, &Flow::default());
                }
            }
            _ => return None,
        }
        Some(Value::Unknown)
    }

    fn remove(&mut self, bound: &Bound) {
        let listed = bound.piped.is_some();
        let recursive = bound.on("recurse") || listed;
        for field in bound.paths() {
            let field = narrowed(field, bound);
            if is_registry(&field.text) {
                registry_remove(self.shell, &field.text, self.program);
            } else if field.text.to_ascii_lowercase().starts_with("env:")
                || field.text.to_ascii_lowercase().starts_with("function:")
            {
                // Variables of this session alone.
            } else if field.is_known() || field.text.contains(['/', '\\']) {
                let whole = recursive || field.glob;
                self.shell
                    .delete(&field, whole, bound.on("force"), self.program);
            }
        }
    }

    fn put(&mut self, name: &str, bound: &Bound) -> Value {
        let append = name == "add-content" || bound.on("append");
        let target = if name == "tee-object" {
            bound
                .at("filepath", 0)
                .map(Value::words)
                .unwrap_or_default()
        } else {
            let named = ["literalpath", "filepath", "path"].iter().find_map(|full| {
                bound
                    .parameters
                    .iter()
                    .find(|(given, _)| given.len() > 1 && full.starts_with(given.as_str()))
            });
            named
                .map(|(_, value)| value)
                .or(bound.plain.first())
                .map(Value::words)
                .unwrap_or_default()
        };
        let named = bound.parameters.iter().any(|(given, _)| {
            given.len() > 1
                && (given.starts_with("path")
                    || "literalpath".starts_with(given.as_str())
                    || "filepath".starts_with(given.as_str()))
        });
        let value = bound
            .get("value")
            .or_else(|| bound.get("inputobject"))
            .or_else(|| bound.plain.get(usize::from(!named)))
            .or(bound.piped.as_ref())
            .cloned()
            .unwrap_or_default();
        for field in target {
            if is_registry(&field.text) {
                registry_set(self.shell, &field.text, "", self.program);
            } else {
                self.shell
                    .write(&field, append, &value.flow(), self.program);
            }
        }
        if name == "tee-object" {
            value
        } else {
            Value::Unknown
        }
    }

    fn make(&mut self, bound: &Bound) {
        let kind = bound
            .get("itemtype")
            .or_else(|| bound.get("type"))
            .and_then(Value::text)
            .unwrap_or_default()
            .to_ascii_lowercase();
        for mut field in bound.paths() {
            if let Some(name) = bound.get("name").and_then(Value::text) {
                field.push("/");
                field.push(name);
            }
            if is_registry(&field.text) {
                registry_set(self.shell, &field.text, "", self.program);
            } else if kind.starts_with("sym")
                || kind.starts_with("junc")
                || kind.starts_with("hard")
            {
                if let Some(to) = bound
                    .get("target")
                    .or_else(|| bound.get("value"))
                    .and_then(Value::field)
                    .cloned()
                {
                    let words = [Field::known("ln"), Field::known("-s"), to, field];
                    self.shell.invoke(&words, &Flow::default());
                }
            } else if !kind.starts_with("dir") {
                let content = bound
                    .get("value")
                    .map_or_else(|| Flow::text(""), Value::flow);
                self.shell
                    .write(&field, !bound.on("force"), &content, self.program);
            }
        }
    }

    fn transfer(&mut self, name: &str, bound: &Bound) {
        let from = bound.paths();
        let named = bound.parameters.iter().any(|(given, _)| {
            given.len() > 1 && (given.starts_with("pa") || given.starts_with("lit"))
        }) || bound.plain.is_empty();
        let to = bound
            .get(if name == "rename-item" {
                "newname"
            } else {
                "destination"
            })
            .or_else(|| bound.plain.get(usize::from(!named)))
            .cloned()
            .unwrap_or_else(|| Value::known("."));
        let verb = if name == "copy-item" { "cp" } else { "mv" };
        let Some(to) = to.field().cloned() else {
            return;
        };
        // A share of another machine.
        let slashed = to.text.replace('\\', "/");
        if let Some(host) = slashed
            .strip_prefix("//")
            .and_then(|rest| rest.split('/').next())
        {
            let mut taint = Taint::default();
            for field in &from {
                taint.merge(&self.shell.read(field, self.program).taint);
            }
            self.shell.send(host, &Flow::tainted(taint), self.program);
            return;
        }
        let mut words = vec![Field::known(verb), Field::known("-r"), Field::known("--")];
        if verb == "mv" {
            words.remove(1);
        }
        words.extend(from);
        words.push(to);
        self.shell.invoke(&words, &Flow::default());
    }

    fn content(&mut self, name: &str, bound: &Bound) -> Value {
        let mut all: Option<Flow> = None;
        let fields = if name == "select-string" && bound.get("path").is_none() {
            bound.plain.get(1).map(Value::words).unwrap_or_default()
        } else {
            bound.paths()
        };
        for field in fields {
            if field.text.to_ascii_lowercase().starts_with("env:") {
                let variable = field.text[4..].to_owned();
                return Self::environment(&variable);
            }
            let flow = self.shell.read(&field, self.program);
            all = Some(match all {
                Some(before) => before.then(&flow),
                None => flow,
            });
        }
        match all {
            Some(flow) => Value::of_flow(&Flow {
                taint: Taint {
                    unforeseen: false,
                    ..flow.taint
                },
                text: flow.text,
                connected: true,
            }),
            None => bound.piped.clone().unwrap_or_default(),
        }
    }

    /// What a directory holds; the environment.
    fn listing(name: &str, bound: &Bound) -> Value {
        let mut fields = bound.paths();
        if fields.is_empty() {
            fields.push(Field::known("."));
        }
        let mut all = Vec::new();
        for field in fields {
            let lower = field.text.to_ascii_lowercase();
            if lower.starts_with("env:") {
                return Value::tainted(Taint {
                    bulk: Some("the environment"),
                    ..Taint::default()
                });
            }
            if name == "get-childitem" {
                let listing = listed(&field, "*");
                let narrowed = listing.field().cloned().map(|field| narrowed(field, bound));
                all.extend(narrowed.map(|field| Value::Text(Box::new(field))));
            } else {
                all.push(Value::Text(Box::new(field)));
            }
        }
        if all.len() == 1 {
            all.pop().unwrap_or_default()
        } else {
            Value::list(all)
        }
    }
}
