//! The MCP servers that clients start over standard input and output: `smoltbot mcp-proxy` around each.
//!
//! Only where it is asked for: an agent with hooks tells of its MCP calls already, and with both each call would be recorded
//! twice. It is for clients that have no hooks.

use std::path::{Path, PathBuf};

use jsonc_parser::ast::{Array, Object, Value as Node};
use jsonc_parser::common::Ranged as _;
use serde_json::Value;

use crate::agents::{Agent, Asked};
use crate::json::{self, EditError};
use crate::machine::Machine;
use crate::plan::{Change, Plan, Takeout, settings};

/// The command that stands between a client and its server.
pub(crate) const PROXY: &str = "mcp-proxy";
/// What ends its options; the server's own command follows.
const DASHES: &str = "--";
/// The most words that its options have here: `--name NAME`, and room for what somebody adds.
const MAX_OPTION_WORDS: usize = 8;
/// The keys under which clients list their servers.
pub(crate) const LISTS: [&str; 2] = ["mcpServers", "servers"];
/// Where clients list them below a person's home, and which agent with hooks reads the file.
const FILES: [(&str, Option<Agent>); 7] = [
    (".config/Claude/claude_desktop_config.json", None),
    (
        "Library/Application Support/Claude/claude_desktop_config.json",
        None,
    ),
    (".codeium/windsurf/mcp_config.json", None),
    (".claude.json", Some(Agent::ClaudeCode)),
    (".cursor/mcp.json", Some(Agent::Cursor)),
    (".gemini/settings.json", Some(Agent::Gemini)),
    (".copilot/mcp-config.json", Some(Agent::Copilot)),
];
/// The same below the directory a person is in.
const PROJECT_FILES: [(&str, Option<Agent>); 3] = [
    (".mcp.json", Some(Agent::ClaudeCode)),
    (".cursor/mcp.json", Some(Agent::Cursor)),
    (".vscode/mcp.json", None),
];

/// Every file that lists servers, and the agent with hooks that reads it.
fn lists(machine: &Machine) -> Vec<(PathBuf, Option<Agent>)> {
    let own = FILES.map(|(file, agent)| (machine.home().join(file), agent));
    let project = PROJECT_FILES.map(|(file, agent)| (machine.directory().join(file), agent));
    let mut found: Vec<(PathBuf, Option<Agent>)> = Vec::new();
    for (path, agent) in own.into_iter().chain(project) {
        if path.is_file() && found.iter().all(|(known, _)| *known != path) {
            found.push((path, agent));
        }
    }
    found
}

/// The files that list servers of clients.
pub(crate) fn places(machine: &Machine) -> Vec<PathBuf> {
    lists(machine).into_iter().map(|(path, _)| path).collect()
}

/// Adds to `plan` that the servers which `path` lists go through the proxy.
pub(crate) fn plan(path: &Path, asked: &Asked<'_>, plan: &mut Plan) -> Result<(), String> {
    let reader = lists(asked.machine)
        .into_iter()
        .find(|(known, _)| known == path);
    let reader = reader.and_then(|(_, agent)| agent);
    let Some(before) = settings(path)? else {
        return Ok(());
    };
    if let Some(agent) = reader.filter(|agent| asked.hooked.contains(agent)) {
        plan.notes.push(format!(
            "{} was left alone: {} tells of its MCP calls by its hooks",
            path.display(),
            agent.name()
        ));
        return Ok(());
    }
    if !asked.smoltbot.home_is_default {
        return Err(
            "a server's command has no place for SMOLTBOT_HOME: servers are wrapped for a smoltbot whose home is ~/.smoltbot"
                .to_owned(),
        );
    }
    let program = asked.smoltbot.program.to_string_lossy().into_owned();
    let wrong = |error: EditError| format!("{}: {error}; nothing was changed", path.display());
    let mut text = before.clone();
    // A program that has moved: what it wraps is wrapped anew.
    for file in asked
        .before
        .map(|earlier| &earlier.files[..])
        .unwrap_or_default()
    {
        if let Takeout::Mcp { program: old, bare } = &file.takeout
            && file.path == path
            && *old != program
        {
            text = unwrap(&text, old, bare).map_err(wrong)?;
        }
    }
    let (after, bare) = wrap(&text, &program).map_err(wrong)?;
    if after != before {
        plan.changes.push(Change {
            path: path.to_owned(),
            before: Some(before),
            after,
            takeout: Takeout::Mcp { program, bare },
        });
    }
    Ok(())
}

/// A server that is started by a command.
struct Server<'a, 'b> {
    path: Vec<String>,
    command: &'b Node<'a>,
    arguments: Option<&'b Array<'a>>,
}

fn servers<'a, 'b>(root: &'b Node<'a>) -> Vec<Server<'a, 'b>> {
    let lists = LISTS.iter().filter_map(|list| {
        let listed = json::member(root.as_object()?, list)?.as_object()?;
        Some((list, listed))
    });
    let each = lists.flat_map(|(list, listed): (_, &'b Object<'a>)| {
        listed.properties.iter().filter_map(move |server| {
            let object = server.value.as_object()?;
            let command = json::member(object, "command")?;
            command.as_string_lit()?;
            let arguments = json::member(object, "args");
            if arguments.is_some_and(|arguments| arguments.as_array().is_none()) {
                return None;
            }
            Some(Server {
                path: vec![(*list).to_owned(), server.name.as_str().to_owned()],
                command,
                arguments: arguments.and_then(Node::as_array),
            })
        })
    });
    each.collect()
}

/// Where among its arguments the own command of a server stands that goes through the proxy of `program`; of any smoltbot
/// for none.
fn wrapped_at(server: &Server<'_, '_>, program: Option<&str>) -> Option<usize> {
    let command = &*server.command.as_string_lit()?.value;
    let ours = match program {
        Some(program) => command == program,
        None => command == "smoltbot" || command.ends_with("/smoltbot"),
    };
    let arguments = &server.arguments?.elements;
    let word = |at: usize| Some(&*arguments.get(at)?.as_string_lit()?.value);
    if !ours || word(0) != Some(PROXY) {
        return None;
    }
    // Its options are few, and the first `--` ends them.
    let dashes = (1..=MAX_OPTION_WORDS + 1).find(|&at| word(at) == Some(DASHES))?;
    (dashes + 1 < arguments.len()).then_some(dashes + 1)
}

/// Every server of `text` behind the proxy; and those that had no arguments.
fn wrap(text: &str, program: &str) -> Result<(String, Vec<Vec<String>>), EditError> {
    let (mark, body) = json::split_mark(text);
    let mut changed = body.clone();
    let mut bare = Vec::new();
    let root = json::parse(&body)?;
    let mut listed = root.as_ref().map(servers).unwrap_or_default();
    listed.sort_by_key(|server| std::cmp::Reverse(server.command.range().start));
    let program_text = Value::from(program).to_string();
    for server in listed {
        if wrapped_at(&server, None)
            .or(wrapped_at(&server, Some(program)))
            .is_some()
        {
            continue;
        }
        let command = server.command.range();
        let own = body[command.start..command.end].to_owned();
        // By the name that its client calls it by, as agents with hooks do.
        let name = server.path.last().map_or(String::new(), Clone::clone);
        let words = [PROXY, "--name", &name, DASHES].map(|word| Value::from(word).to_string());
        let wrapping = format!("{}, {own}", words.join(", "));
        let mut edits = if let Some(arguments) = server.arguments {
            let first = arguments
                .elements
                .first()
                .map(jsonc_parser::common::Ranged::range);
            let (at, comma) =
                first.map_or((arguments.range.start + 1, ""), |first| (first.start, ", "));
            vec![
                (at..at, format!("{wrapping}{comma}")),
                (command.start..command.end, program_text.clone()),
            ]
        } else {
            bare.push(server.path);
            vec![(
                command.start..command.end,
                format!("{program_text}, \"args\": [{wrapping}]"),
            )]
        };
        edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        for (range, text) in edits {
            changed.replace_range(range, &text);
        }
    }
    Ok((format!("{mark}{changed}"), bare))
}

/// Every server of `text` that goes through the proxy of `program` by itself again.
///
/// # Errors
/// [`EditError::Malformed`] when the text cannot be read any more.
pub(crate) fn unwrap(text: &str, program: &str, bare: &[Vec<String>]) -> Result<String, EditError> {
    let (mark, body) = json::split_mark(text);
    let mut changed = body.clone();
    let root = json::parse(&body)?;
    let mut listed = root.as_ref().map(servers).unwrap_or_default();
    listed.sort_by_key(|server| std::cmp::Reverse(server.command.range().start));
    for server in listed {
        let (Some(arguments), Some(at)) = (server.arguments, wrapped_at(&server, Some(program)))
        else {
            continue;
        };
        let own = &arguments.elements[at];
        let command = server.command.range();
        let own_text = body[own.range().start..own.range().end].to_owned();
        // Its arguments may stand before its command.
        let behind = body
            .get(command.end..arguments.range.start)
            .unwrap_or_default();
        let was_bare = bare.contains(&server.path)
            && arguments.elements.len() == at + 1
            && behind.starts_with(',')
            && behind[1..].trim_start().starts_with("\"args\"");
        let mut edits = vec![(command.start..command.end, own_text)];
        if was_bare {
            edits.push((command.end..arguments.range.end, String::new()));
        } else {
            let start = arguments.elements[0].range().start;
            let next = arguments.elements.get(at + 1);
            let end = next.map_or(own.range().end, |next| next.range().start);
            edits.push((start..end, String::new()));
        }
        edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        for (range, text) in edits {
            changed.replace_range(range, &text);
        }
    }
    Ok(format!("{mark}{changed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_wrapped_and_unwrapped_byte_for_byte() {
        let text = r#"{
  // mine
  "mcpServers": {
    "files": { "command": "npx", "args": ["-y", "files"], "env": {"A": "1"} },
    "many": {
      "args": [
        "a", // why
      ],
      "command": 'x y',
    },
    "bare": {"command": "serve"},
    "empty": {"command": "serve", "args": [], "type": "stdio"},
    "far": { "url": "https://example.com/mcp" },
    "odd": { "command": 5 },
    "mine": { "command": "/usr/bin/smoltbot", "args": ["mcp-proxy", "--", "other"] }
  },
  "other": { "command": "no", "args": [] }
}
"#;
        let (with, bare) = wrap(text, "/opt/smoltbot").unwrap();
        let said = json::read(&with).unwrap().unwrap();
        let servers = &said["mcpServers"];
        let of = |name: &str| {
            (
                servers[name]["command"].clone(),
                servers[name]["args"].clone(),
            )
        };
        let program = || Value::from("/opt/smoltbot");
        assert_eq!(
            of("files"),
            (
                program(),
                serde_json::json!(["mcp-proxy", "--name", "files", "--", "npx", "-y", "files"])
            )
        );
        assert_eq!(
            of("many"),
            (
                program(),
                serde_json::json!(["mcp-proxy", "--name", "many", "--", "x y", "a"])
            )
        );
        assert_eq!(
            of("bare"),
            (
                program(),
                serde_json::json!(["mcp-proxy", "--name", "bare", "--", "serve"])
            )
        );
        assert_eq!(
            of("empty"),
            (
                program(),
                serde_json::json!(["mcp-proxy", "--name", "empty", "--", "serve"])
            )
        );
        assert_eq!(said["other"]["command"], "no");
        assert_eq!(servers["mine"]["command"], "/usr/bin/smoltbot");
        assert_eq!(
            wrap(&with, "/opt/smoltbot").unwrap().0,
            with,
            "twice is once"
        );
        assert_eq!(unwrap(&with, "/opt/smoltbot", &bare).unwrap(), text);
    }

    #[test]
    fn a_wrapping_that_others_made_longer_is_known() {
        let text =
            r#"{"mcpServers":{"a":{"command":"/s","args":["mcp-proxy","--name","--","-x","y"]}}}"#;
        // What could be an option's value is one; the server's command is what follows the first two dashes.
        assert_eq!(
            unwrap(text, "/s", &[]).unwrap(),
            r#"{"mcpServers":{"a":{"command":"-x","args":["y"]}}}"#
        );
        let text =
            r#"{"mcpServers":{"a":{"command":"/s","args":["mcp-proxy","--url","https://x"]}}}"#;
        assert_eq!(
            unwrap(text, "/s", &[]).unwrap(),
            text,
            "there is no command to go back to"
        );
    }

    #[test]
    fn what_others_added_to_a_wrapped_server_stays() {
        let (with, bare) = wrap(r#"{"servers":{"a":{"command":"x"}}}"#, "/s").unwrap();
        let changed = with.replace("\"x\"]", "\"x\", \"-v\"]");
        assert_ne!(with, changed);
        assert_eq!(
            unwrap(&changed, "/s", &bare).unwrap(),
            r#"{"servers":{"a":{"command":"x", "args": ["-v"]}}}"#
        );
    }
}
