//! Members and methods of .NET, as far as they touch files, the network, code or other programs.

use super::{BLOCK, Reader};
use crate::{
    code::value::Value,
    effect::{Effect, EffectKind},
    escape, host,
    shell::{
        Shell,
        flow::{Field, Flow, Taint},
    },
};

/// Longest name of a type with its members that is followed, in bytes.
const MAX_NAME: usize = 200;

/// What the text shows as a whole: a socket that is read as commands.
pub(super) fn look_at_whole(shell: &mut Shell<'_>, text: &str, program: &str) {
    let lower = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(&[
        "sockets.tcpclient",
        "sockets.tcplistener",
        "net.websockets",
        "sockets.socket",
    ]) && has(&[
        "iex",
        "invoke-expression",
        "cmd.exe",
        "powershell",
        "pwsh",
        "/bin/sh",
        "diagnostics.process",
        "start-process",
    ]) {
        shell.emit(Effect::new(EffectKind::RemoteShell, "the network").program(program));
    }
    if has(&["amsiutils", "amsiinitfailed", "amsiscanbuffer"]) {
        shell.emit(Effect::new(EffectKind::LowerDefences, "the scan of scripts").program(program));
    }
    if has(&[
        "virtualalloc",
        "createremotethread",
        "reflection.assembly]::load(",
        "minidumpwritedump",
        "invoke-mimikatz",
    ]) {
        shell.emit(Effect::new(EffectKind::RunHidden, "").program(program));
    }
}

impl Reader<'_, '_> {
    /// A member of `value`, or a call of it where `args` are given.
    pub(super) fn member(&mut self, value: Value, name: &str, args: Option<Vec<Value>>) -> Value {
        let Some(args) = args else {
            return match value {
                Value::Name(of) if of.starts_with(BLOCK) => Value::Name(of),
                Value::Name(of) if of == "environment" && name == "userprofile" => {
                    Value::known("~")
                }
                Value::Name(of) if of.len() > MAX_NAME => Value::Unknown,
                Value::Name(of) => Value::Name(format!("{of}.{name}")),
                _ if name == "historysavepath" => {
                    Value::known("~/.local/share/powershell/PSReadLine/ConsoleHost_history.txt")
                }
                // `$_.FullName`, `$response.Content`, `$file.Name`.
                other
                    if matches!(
                        name,
                        "length" | "count" | "lastwritetime" | "exists" | "rank"
                    ) =>
                {
                    let _ = other;
                    Value::Unknown
                }
                other => other,
            };
        };
        let of = match &value {
            Value::Name(of) => of.clone(),
            _ => String::new(),
        };
        if of.starts_with(BLOCK) {
            return match name {
                "invoke" | "invokereturnasis" | "invokewithcontext" => {
                    let given = args.first().cloned().unwrap_or_default();
                    self.block(&of[1..], &given)
                }
                _ => value,
            };
        }
        if let ("foreach" | "where", Some(Value::Name(block))) = (name, args.first())
            && block.starts_with(BLOCK)
        {
            let block = block.clone();
            let out = self.block(&block[1..], &value);
            return if name == "where" {
                value.narrowed()
            } else {
                out
            };
        }
        let mut taint = value.taint();
        args.iter().for_each(|arg| taint.merge(&arg.taint()));
        if of.contains("shadowcopy") && name == "delete" {
            self.native(&["vssadmin", "delete", "shadows"]);
            return Value::Unknown;
        }
        if let Some(value) = self.file_method(&value, &of, name, &args) {
            return value;
        }
        if let Some(value) = Self::text_method(&value, &of, name, &args, &taint) {
            return value;
        }
        self.net_method(&of, name, &args, taint)
    }

    fn file_method(
        &mut self,
        value: &Value,
        of: &str,
        name: &str,
        args: &[Value],
    ) -> Option<Value> {
        let program = self.program;
        let on_file = of.starts_with("io.") || of.contains("filesystem");
        let first = args.first().and_then(Value::field).cloned();
        match (name, on_file) {
            ("delete" | "deletefile" | "deletedirectory", true) => {
                let whole = args.len() > 1 || of.contains("directory") || name == "deletedirectory";
                if let Some(field) = first {
                    self.shell.delete(&field, whole, true, program);
                }
            }
            ("delete", false) if matches!(value, Value::Text(_) | Value::List(_)) => {
                for field in value.words().iter().filter(|field| field.is_known()) {
                    self.shell.delete(field, true, true, program);
                }
            }
            (
                "writealltext" | "writeallbytes" | "writealllines" | "create" | "openwrite"
                | "createtext" | "appendalltext" | "appendalllines" | "appendtext" | "open",
                true,
            ) => {
                if let Some(field) = first {
                    let content = args.get(1).map_or_else(Flow::unforeseen, Value::flow);
                    self.shell
                        .write(&field, name.starts_with("append"), &content, program);
                }
            }
            (
                "readalltext" | "readallbytes" | "readalllines" | "readlines" | "openread"
                | "opentext",
                true,
            ) => {
                let flow = first.map(|field| self.shell.read(&field, program))?;
                return Some(Value::of_flow(&flow));
            }
            ("copy" | "move" | "replace", true) => {
                let verb = if name == "copy" { "cp" } else { "mv" };
                let words: Vec<Field> = [Field::known(verb), Field::known("--")]
                    .into_iter()
                    .chain(args.iter().take(2).flat_map(Value::words))
                    .collect();
                self.shell.invoke(&words, &Flow::default());
            }
            (
                "getfiles"
                | "getdirectories"
                | "enumeratefiles"
                | "enumeratefilesystementries"
                | "getfilesystementries",
                true,
            ) => {
                return first.map(|field| listed(&field, "*"));
            }
            ("combine" | "join", true) if of.ends_with("path") => {
                let mut parts = args.iter();
                let start = parts.next().cloned()?;
                return Some(parts.fold(start, Value::below));
            }
            (
                "getfullpath" | "gettempfilename" | "gettemppath" | "getfilename"
                | "getdirectoryname",
                true,
            ) => {
                return Some(if name.starts_with("gettemp") {
                    Value::known("/tmp/made/new")
                } else {
                    args.first().cloned().unwrap_or_default()
                });
            }
            _ => return None,
        }
        Some(Value::Unknown)
    }

    fn text_method(
        value: &Value,
        of: &str,
        name: &str,
        args: &[Value],
        taint: &Taint,
    ) -> Option<Value> {
        let first = args.first();
        Some(match name {
            "frombase64string" => {
                let decoded = first.and_then(Value::text).and_then(escape::base64_wide);
                let taint = Taint {
                    decoded: true,
                    ..taint.clone()
                };
                match decoded {
                    Some(text) => Value::Text(Box::new(Field {
                        taint,
                        ..Field::known(text)
                    })),
                    None => Value::tainted(taint),
                }
            }
            "getstring" | "unescape" | "urldecode" | "unescapedatastring" => {
                first.cloned().unwrap_or_default()
            }
            "getbytes" => first.cloned().unwrap_or_default(),
            "tostring" | "trim" | "tolower" | "toupper" | "trimend" | "trimstart" | "readtoend"
            | "clone" | "gettype" | "getresponse" | "getresponsestream" | "result"
            | "getawaiter" | "getresult" | "tochararray" => value.clone(),
            "replace" => {
                let (old, new) = (first?.text()?, args.get(1)?.text().unwrap_or_default());
                Value::known(value.text()?.replace(old, new))
            }
            "split" => {
                let mark = first.and_then(Value::text).unwrap_or(" ");
                Value::list(value.text()?.split(mark).map(Value::known).collect())
            }
            "reverse" if of == "array" => Value::Unknown,
            "join" if of == "string" => {
                let between = first?.text().unwrap_or_default().to_owned();
                let mut out = Value::known("");
                for (at, part) in args.iter().skip(1).flat_map(Value::words).enumerate() {
                    out = out.joined(
                        if at > 0 { &between } else { "" },
                        &Value::Text(Box::new(part)),
                    );
                }
                out
            }
            "concat" if of == "string" => args
                .iter()
                .fold(Value::known(""), |all, part| all.joined("", part)),
            "format" if of == "string" => {
                let mut text = first?.text()?.to_owned();
                for (at, part) in args.iter().skip(1).enumerate() {
                    text = text.replace(&format!("{{{at}}}"), part.text().unwrap_or("$value"));
                }
                Value::known(text)
            }
            "getenvironmentvariable" => {
                let name = first?.text()?.to_owned();
                Self::environment(&name)
            }
            "getenvironmentvariables" => Value::tainted(Taint {
                bulk: Some("the environment"),
                ..Taint::default()
            }),
            "getfolderpath" => match first?.text()?.to_ascii_lowercase().as_str() {
                "userprofile" | "personal" => Value::known("~"),
                "startup" | "commonstartup" => Value::known("~/.config/autostart"),
                "system" | "windows" => Value::known("C:/Windows"),
                "mydocuments" => Value::known("~/Documents"),
                "desktop" => Value::known("~/Desktop"),
                _ => Value::known("~/AppData"),
            },
            "new" => Value::Name(of.to_owned()),
            _ => return None,
        })
    }

    fn net_method(&mut self, of: &str, name: &str, args: &[Value], taint: Taint) -> Value {
        match name {
            "downloadstring"
            | "downloaddata"
            | "downloadstringtaskasync"
            | "getstringasync"
            | "openread"
            | "getbytearrayasync"
            | "getasync"
            | "downloadstringasync" => {
                let url = args
                    .first()
                    .and_then(Value::text)
                    .unwrap_or_default()
                    .to_owned();
                self.fetched(&url, &taint)
            }
            "downloadfile" | "downloadfileasync" | "downloadfiletaskasync" => {
                let url = args
                    .first()
                    .and_then(Value::text)
                    .unwrap_or_default()
                    .to_owned();
                let got = self.fetched(&url, &taint);
                if let Some(file) = args.get(1).and_then(Value::field).cloned() {
                    self.saved(&file, &got);
                }
                Value::Unknown
            }
            "uploadstring" | "uploaddata" | "uploadfile" | "postasync" | "uploadvalues"
            | "putasync" | "send" => {
                let url = args
                    .first()
                    .and_then(Value::text)
                    .unwrap_or_default()
                    .to_owned();
                let mut sent = taint;
                if name == "uploadfile"
                    && let Some(file) = args.last().and_then(Value::field).cloned()
                {
                    sent.merge(&self.shell.read(&file, self.program).taint);
                }
                self.fetched(&url, &sent)
            }
            "create" if of.ends_with("scriptblock") => match args.first() {
                Some(value) => self.as_block(value),
                None => Value::Unknown,
            },
            "newscriptblock" | "invokescript" | "addscript" => {
                if let Some(value) = args.first().cloned() {
                    self.evaluate(&value);
                }
                Value::Unknown
            }
            "start" if of.ends_with("process") => {
                let words: Vec<Field> = args.iter().flat_map(Value::words).collect();
                self.start(&words);
                Value::Unknown
            }
            "create" if of.contains("win32_process") => {
                if let Some(text) = args.first().and_then(Value::text).map(str::to_owned) {
                    self.shell.subshell(&text, &Flow::default());
                }
                Value::Unknown
            }
            "setvalue" if of.contains("registry") => {
                let key = args
                    .first()
                    .and_then(Value::text)
                    .unwrap_or_default()
                    .to_owned();
                let what = args
                    .get(1)
                    .and_then(Value::text)
                    .unwrap_or_default()
                    .to_owned();
                super::machine::registry_set(self.shell, &key, &what, self.program);
                Value::Unknown
            }
            "setenvironmentvariable" | "setexecutionpolicy" => Value::Unknown,
            "run" | "exec" | "shellexecute" if !of.is_empty() => {
                if let Some(text) = args.first().and_then(Value::text).map(str::to_owned) {
                    self.shell.subshell(&text, &Flow::default());
                }
                Value::Unknown
            }
            _ => Value::tainted(taint),
        }
    }

    /// What comes from `url`, to which what `taint` tells of is sent.
    pub(super) fn fetched(&mut self, url: &str, taint: &Taint) -> Value {
        let peer = host::of_url(url);
        let peer = if peer.is_empty() {
            "the network".to_owned()
        } else {
            peer
        };
        let mut got = Taint::default();
        got.secrets.extend(self.shell.request(&peer, self.program));
        let sent = Taint {
            downloaded: None,
            ..taint.clone()
        };
        self.shell.send(&peer, &Flow::tainted(sent), self.program);
        if !host::is_local(&peer) {
            got.downloaded = Some(peer);
        }
        Value::tainted(got)
    }

    /// What was fetched stands in `file` now.
    pub(super) fn saved(&mut self, file: &Field, got: &Value) {
        let content = got.flow();
        self.shell.write(file, false, &content, self.program);
    }

    /// A text as the block that it becomes.
    pub(super) fn as_block(&mut self, value: &Value) -> Value {
        self.shell.code_taint(&value.taint(), self.program);
        match value {
            Value::Text(field) if field.is_known() => Value::Name(format!("{BLOCK}{}", field.text)),
            other => other.clone(),
        }
    }

    pub(super) fn native(&mut self, words: &[&str]) {
        let words: Vec<Field> = words.iter().map(|word| Field::known(*word)).collect();
        self.shell.invoke(&words, &Flow::default());
    }
}

/// What `directory` holds, as a pattern.
pub(super) fn listed(directory: &Field, pattern: &str) -> Value {
    let text = if directory.text.contains('*') {
        directory.text.clone()
    } else {
        format!("{}/{pattern}", directory.text.trim_end_matches(['/', '\\']))
    };
    Value::Text(Box::new(Field {
        text,
        glob: true,
        ..directory.clone()
    }))
}
