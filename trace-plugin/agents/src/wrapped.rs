//! The MCP servers that clients start through our proxy, as their lists say.

use std::path::PathBuf;

use serde_json::Value;

use crate::json;
use crate::machine::Machine;
use crate::mcp::{LISTS, PROXY, places};

/// A server that a client starts through the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// What its client calls it.
    pub name: String,
    /// The list that it stands in.
    pub file: PathBuf,
    /// The proxy's program.
    pub program: String,
    /// The proxy's arguments, the server's command among them.
    pub arguments: Vec<String>,
    /// The variables that its client sets for it.
    pub environment: Vec<(String, String)>,
    /// Where its client starts it, if the list says so.
    pub directory: Option<PathBuf>,
}

impl Wrapped {
    /// What only its client can fill in (`${workspaceFolder}`, `${input:token}`), as it stands; without that it can't be started.
    pub fn unfilled(&self) -> Option<&str> {
        let directory = self.directory.as_deref().and_then(|path| path.to_str());
        let values = self.environment.iter().map(|(_, value)| value.as_str());
        let mut texts = (self.arguments.iter().map(String::as_str))
            .chain(values)
            .chain(directory);
        texts.find_map(|text| {
            let rest = &text[text.find("${")?..];
            Some(&rest[..=rest.find('}')?])
        })
    }
}

/// Every server that a client of this machine starts through the proxy of `program`. A list that cannot be read has none: who
/// installs has said so.
pub fn wrapped(machine: &Machine, program: &str) -> Vec<Wrapped> {
    let mut found = Vec::new();
    for file in places(machine) {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let Ok(Some(read)) = json::read(&text) else {
            continue;
        };
        let lists = LISTS.iter().filter_map(|list| read[*list].as_object());
        for (name, server) in lists.flatten() {
            let words = |key: &str| {
                let words = server[key].as_array().into_iter().flatten();
                let words: Option<Vec<String>> =
                    words.map(|word| Some(word.as_str()?.to_owned())).collect();
                words.unwrap_or_default()
            };
            let arguments = words("args");
            if server["command"] != program || arguments.first().is_none_or(|word| word != PROXY) {
                continue;
            }
            let variables = server["env"].as_object().into_iter().flatten();
            found.push(Wrapped {
                name: name.clone(),
                file: file.clone(),
                program: program.to_owned(),
                arguments,
                environment: variables
                    .filter_map(|(name, value)| Some((name.clone(), text_of(value)?)))
                    .collect(),
                directory: server["cwd"].as_str().map(PathBuf::from),
            });
        }
    }
    found
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_through_our_proxy_is_found_with_what_it_is_started_with() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(".codeium/windsurf/mcp_config.json");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let list = r#"{ // mine
          "mcpServers": {
            "a": {"command": "/s", "args": ["mcp-proxy", "--name", "a", "--", "x", "${dir}/y"], "env": {"A": "1", "B": 2}, "cwd": "/w"},
            "b": {"command": "/s", "args": ["other"]},
            "c": {"command": "x", "args": ["mcp-proxy"]},
            "d": {"url": "https://example.com"},
            "e": {"command": "/s", "args": ["mcp-proxy", "--", "x"], "env": {"TOKEN": "${env:TOKEN"}},
          }
        }"#;
        std::fs::write(&file, list).unwrap();
        let machine = Machine::new(home.path().to_owned(), home.path().to_owned(), []);
        let found = wrapped(&machine, "/s");
        let names: Vec<_> = found.iter().map(|server| server.name.as_str()).collect();
        assert_eq!(names, ["a", "e"]);
        let pairs =
            [("A", "1"), ("B", "2")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(found[0].environment, pairs);
        assert_eq!(found[0].directory, Some(PathBuf::from("/w")));
        assert_eq!(found[0].unfilled(), Some("${dir}"));
        assert_eq!(found[1].unfilled(), None);
        std::fs::write(&file, "{").unwrap();
        assert_eq!(wrapped(&machine, "/s"), []);
    }
}
