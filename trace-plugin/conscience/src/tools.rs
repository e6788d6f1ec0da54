//! Tool calls to effects: which tool it is, and where its arguments hold a command, a path, a host or a statement.

use aap::ToolCall;
use serde_json::Value;

use crate::{
    effect::{Effect, EffectKind},
    limits::{MAX_PARAMS_DEPTH, MAX_TEXT_BYTES},
    shell::{
        Dialect, Shell,
        flow::{Field, Flow},
    },
    sql, tools_files, tools_remote, tools_server,
};

/// Tools that run a shell line.
const SHELLS: &[&str] = &[
    "exec",
    "bash",
    "shell",
    "execute_command",
    "run_shell_command",
    "run_terminal_cmd",
    "run_terminal_command",
    "local_shell",
    "run_command",
    "terminal",
    "execute_bash",
    "bashtool",
    "run_in_terminal",
    "shell_command",
    "exec_command",
    "container.exec",
    "runcommand",
    "shelltool",
    "unified_exec",
    "process",
    "write_stdin",
    "write_bash",
];

const READS: &[&str] = &[
    "read",
    "read_file",
    "readfile",
    "view",
    "cat",
    "open_file",
    "get_file",
    "glob",
    "grep",
    "search_files",
    "list_files",
    "list_directory",
    "ls",
    "notebookread",
    "read_many_files",
    "search",
    "grep_search",
    "search_file_content",
];
const WRITES: &[&str] = &[
    "write",
    "write_file",
    "writefile",
    "create_file",
    "edit",
    "edit_file",
    "multiedit",
    "notebookedit",
    "str_replace",
    "str_replace_editor",
    "str_replace_based_edit_tool",
    "replace",
    "insert",
    "append_file",
    "search_replace",
    "write_to_file",
    "replace_in_file",
    "create",
    "editfile",
    "update_file",
    "save_file",
    "insert_edit_into_file",
    "patch_file",
];
const DELETES: &[&str] = &[
    "delete",
    "delete_file",
    "remove",
    "remove_file",
    "deletefile",
    "delete_directory",
    "delete_path",
    "rm",
    "unlink",
];
const MOVES: &[&str] = &["move", "move_file", "rename", "rename_file", "mv"];
const FETCHES: &[&str] = &[
    "http_fetch",
    "web_fetch",
    "webfetch",
    "fetch",
    "http_request",
    "http",
    "browser_navigate",
    "navigate",
    "open_url",
    "read_url",
    "curl",
    "url_fetch",
    "browser",
];
const QUERIES: &[&str] = &[
    "sql",
    "query",
    "execute_sql",
    "run_sql",
    "run_query",
    "database",
    "execute_query",
    "postgres_query",
    "db_query",
    "sqlite_query",
    "mysql_query",
];

/// Arguments that hold a path, a command, an address, a statement.
pub(crate) const PATH_KEYS: &[&str] = &[
    "path",
    "file_path",
    "filePath",
    "filepath",
    "file",
    "filename",
    "fileName",
    "absolute_path",
    "target_file",
    "notebook_path",
    "paths",
    "files",
    "source",
    "src",
    "from",
    "old_path",
    "oldPath",
    "dir",
    "directory",
    "target",
    "relative_workspace_path",
    "uri",
    "source_path",
    "dir_path",
];
pub(crate) const NEW_PATH_KEYS: &[&str] = &[
    "destination",
    "dest",
    "dst",
    "to",
    "new_path",
    "newPath",
    "target",
    "destination_path",
    "new_name",
];
pub(crate) const COMMAND_KEYS: &[&str] = &[
    "command", "cmd", "script", "commands", "code", "input", "args", "argv", "line", "chars",
    "action",
];
pub(crate) const URL_KEYS: &[&str] = &["url", "uri", "href", "urls", "address", "link"];
pub(crate) const SQL_KEYS: &[&str] = &[
    "sql",
    "query",
    "statement",
    "queries",
    "statements",
    "command",
    "text",
    "stmt",
    "q",
    "sql_query",
    "sqlQuery",
    "sql_statement",
    "raw_sql",
    "rawSql",
    "ddl",
    "batch",
    "input",
];

/// Notes what `call` would do in `shell`.
pub(crate) fn read(shell: &mut Shell<'_>, call: &ToolCall) {
    // `mcp__server__tool` and `server.tool` are judged by the tool's own name.
    let whole = call.tool.to_ascii_lowercase();
    let name = whole.rsplit("__").next().unwrap_or(&whole);
    let name = if SHELLS.contains(&name) {
        name
    } else {
        name.rsplit(['.', '/', ':']).next().unwrap_or(name)
    };
    let params = &call.params;
    let acts =
        name == "process" && params.get("command").is_none() && params.get("action").is_some();
    if acts {
        return tools_server::read(shell, call, name);
    }
    if let Some(dialect) = dialect(name) {
        directory(shell, params);
        shell.dialect = dialect;
        shell_tool(shell, params, 0);
        return;
    }
    if name == "apply_patch" || name == "applypatch" || name == "patch" {
        return patch(shell, params);
    }
    // Servers' files are no files of this machine; a runtime's own tools are.
    let of_a_server =
        call.tool.contains("__") || call.tool.contains('.') || call.tool.starts_with("MCP:");
    if of_a_server && !FETCHES.contains(&name) && !QUERIES.contains(&name) {
        return tools_server::read(shell, call, name);
    }
    let paths = texts(params, PATH_KEYS);
    if READS.contains(&name) {
        let patterns = texts(params, &["include"]);
        let patterns = patterns.iter().filter(|_| name == "read_many_files");
        paths
            .iter()
            .chain(patterns)
            .for_each(|path| read_path(shell, path, name));
    } else if WRITES.contains(&name) {
        let view = params.get("command").and_then(Value::as_str) == Some("view");
        let content = texts(
            params,
            &[
                "content",
                "contents",
                "text",
                "file_text",
                "new_string",
                "new_str",
                "data",
            ],
        );
        let content = content.first().map_or_else(Flow::unforeseen, Flow::text);
        for path in &paths {
            if view {
                read_path(shell, path, name);
            } else {
                shell.write(&Field::known(path), false, &content, name);
            }
        }
    } else if DELETES.contains(&name) {
        paths
            .iter()
            .for_each(|path| shell.delete(&Field::known(path), true, false, name));
    } else if MOVES.contains(&name) {
        tools_files::moved(shell, &paths, name);
        for path in texts(params, NEW_PATH_KEYS) {
            shell.write(&Field::known(path), false, &Flow::unforeseen(), name);
        }
    } else if FETCHES.contains(&name) {
        // What a browser is told to upload.
        for path in &paths {
            let flow = shell.read(&Field::known(path.as_str()), name);
            shell.send(name, &flow, name);
        }
        let mut urls = texts(params, URL_KEYS);
        if urls.is_empty() {
            // A tool that is told in words what to fetch.
            let prompts = texts(params, &["prompt"]);
            let words = prompts
                .iter()
                .flat_map(|text| text.split(|c: char| c.is_whitespace() || "<>\"'()".contains(c)));
            urls.extend(
                words
                    .filter(|word| word.contains("://"))
                    .take(256)
                    .map(str::to_owned),
            );
        }
        for url in urls {
            if let Some(path) = url.strip_prefix("file://") {
                read_path(shell, path, name);
            } else {
                tools_remote::fetch(shell, params, &url, name);
            }
        }
    } else if QUERIES.contains(&name) {
        texts(params, SQL_KEYS)
            .iter()
            .for_each(|text| sql::read(shell, text, name));
    } else {
        tools_server::read(shell, call, name);
    }
}

/// The language of a shell tool's lines; none if it is no such tool.
fn dialect(name: &str) -> Option<Dialect> {
    match name {
        "powershell"
        | "pwsh"
        | "run_powershell"
        | "execute_powershell"
        | "powershell_command"
        | "run_pwsh"
        | "powershelltool"
        | "run_powershell_command"
        | "write_powershell" => Some(Dialect::PowerShell),
        "cmd" | "run_cmd" | "cmd_exec" | "command_prompt" | "execute_cmd" => Some(Dialect::Prompt),
        _ => SHELLS.contains(&name).then_some(Dialect::Posix),
    }
}

/// The directory that a shell tool's own arguments name.
fn directory(shell: &mut Shell<'_>, params: &Value) {
    if let Some(directory) = [
        "cwd",
        "workdir",
        "working_directory",
        "workingDirectory",
        "directory",
        "dir_path",
    ]
    .iter()
    .find_map(|key| params.get(key).and_then(Value::as_str))
    {
        shell.start_in(directory);
    }
}

fn shell_tool(shell: &mut Shell<'_>, params: &Value, depth: usize) {
    if depth > MAX_PARAMS_DEPTH {
        shell.opaque("too_complex", "params");
        return;
    }
    let variables = ["env", "environment"]
        .iter()
        .find_map(|key| params.get(key).and_then(Value::as_object));
    for (name, value) in variables.into_iter().flatten() {
        if let Some(text) = value.as_str() {
            let field = Field::known(text);
            shell.assigned(name, &field);
            shell.set(name, &field);
        }
    }
    if let Some(text) = params.as_str() {
        finish(shell, text);
        return;
    }
    for key in COMMAND_KEYS {
        match params.get(key) {
            Some(Value::String(text)) => {
                // `{"command":"rm","args":["-rf","/"]}`: the words belong together.
                match params
                    .get("args")
                    .or_else(|| params.get("arguments"))
                    .and_then(words)
                    .filter(|_| *key == "command" || *key == "cmd")
                {
                    Some(rest) => argv(shell, std::iter::once(text.clone()).chain(rest).collect()),
                    None => finish(shell, text),
                }
                if *key == "command" || *key == "cmd" {
                    return;
                }
            }
            Some(value @ Value::Array(items)) => match words(value) {
                // A list of lines is not a list of words.
                Some(lines) if *key == "commands" => {
                    lines.iter().for_each(|line| finish(shell, line));
                }
                Some(words) => argv(shell, words),
                None => items
                    .iter()
                    .for_each(|item| shell_tool(shell, item, depth + 1)),
            },
            // `{"action":{"command":[…]}}`
            Some(value @ Value::Object(_)) => shell_tool(shell, value, depth + 1),
            _ => {}
        }
    }
}

/// Reads a shell line; a secret variable that ends up on the screen is read out.
fn finish(shell: &mut Shell<'_>, text: &str) {
    let flow = match shell.dialect {
        Dialect::Posix => shell.run(text, &Flow::default()),
        Dialect::PowerShell => shell.powershell_text(text, "powershell"),
        Dialect::Prompt => shell.batch(text, "cmd"),
    };
    for name in flow
        .taint
        .secrets
        .iter()
        .filter(|name| name.starts_with('$'))
    {
        shell.emit(Effect::new(EffectKind::ReadSecret, name.clone()).manner("variable"));
    }
}

fn argv(shell: &mut Shell<'_>, words: Vec<String>) {
    if words.iter().map(String::len).sum::<usize>() > MAX_TEXT_BYTES {
        shell.opaque("too_long", "argv");
        return;
    }
    let fields: Vec<Field> = words.into_iter().map(Field::known).collect();
    if fields.len() == 1 && fields[0].text.contains(' ') {
        finish(shell, &fields[0].text.clone());
    } else if !fields.is_empty() {
        shell.invoke(&fields, &Flow::default());
    }
}

fn read_path(shell: &mut Shell<'_>, path: &str, name: &str) {
    shell.read(&Field::known(path), name);
}

/// The headers of an `apply_patch` envelope, and of a unified diff.
fn patch(shell: &mut Shell<'_>, params: &Value) {
    let all = if let Some(text) = params.as_str() {
        vec![text.to_owned()]
    } else {
        texts(
            params,
            &["input", "patch", "diff", "patchText", "content", "command"],
        )
    };
    for text in all {
        if text.len() > MAX_TEXT_BYTES * 16 {
            shell.opaque("too_long", "apply_patch");
            continue;
        }
        for line in text.lines() {
            if let Some(path) = line.strip_prefix("*** Delete File: ") {
                shell.delete(&Field::known(path.trim()), false, false, "apply_patch");
            } else if let Some(path) = [
                "*** Add File: ",
                "*** Update File: ",
                "*** Move to: ",
                "+++ b/",
            ]
            .iter()
            .find_map(|head| line.strip_prefix(head))
            {
                shell.write(
                    &Field::known(path.trim()),
                    false,
                    &Flow::unforeseen(),
                    "apply_patch",
                );
            }
        }
    }
    for path in texts(params, &["path", "file_path"]) {
        shell.write(
            &Field::known(path),
            false,
            &Flow::unforeseen(),
            "apply_patch",
        );
    }
}

/// All texts under `keys`: strings, and strings in arrays (also `{path: …}` objects in arrays).
pub(crate) fn texts(params: &Value, keys: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for key in keys {
        match params.get(key) {
            Some(Value::String(text)) => found.push(text.clone()),
            Some(Value::Array(items)) => {
                for item in items.iter().take(256) {
                    match item {
                        Value::String(text) => found.push(text.clone()),
                        Value::Object(object) => found.extend(
                            keys.iter()
                                .filter_map(|key| object.get(*key)?.as_str().map(str::to_owned)),
                        ),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    found
}

fn words(value: &Value) -> Option<Vec<String>> {
    value
        .as_array()?
        .iter()
        .map(|item| item.as_str().map(str::to_owned))
        .collect()
}
