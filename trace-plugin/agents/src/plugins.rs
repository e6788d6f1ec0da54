//! The plugins that are written out for agents without command hooks.

use crate::command::Smoltbot;

/// `OpenClaw`'s plugin: its files by name.
pub(crate) const OPENCLAW: [(&str, &str); 5] = [
    ("index.js", include_str!("../../openclaw/index.js")),
    (
        "openclaw.plugin.json",
        include_str!("../../openclaw/openclaw.plugin.json"),
    ),
    ("settings.js", include_str!("../../openclaw/settings.js")),
    ("smoltbot.js", include_str!("../../openclaw/smoltbot.js")),
    ("package.json", include_str!("../../openclaw/package.json")),
];

/// `OpenCode`'s plugin as it is published.
const OPENCODE: &str = include_str!("../../opencode/smoltbot.js");
/// Where it is told its options, which `OpenCode` gives to plugins from its settings, and not to a file of its own.
const OPTIONS: &str = "}, options) => {";

/// `OpenCode`'s plugin, with which smoltbot it calls written into it.
pub(crate) fn opencode(smoltbot: &Smoltbot) -> String {
    let options = serde_json::json!({
        "command": smoltbot.program.to_string_lossy(),
        "home": smoltbot.home.to_string_lossy(),
    });
    OPENCODE.replacen(OPTIONS, &format!("}}, options = {options}) => {{"), 1)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    /// A file that the package has and we do not write out would be missing at its first import.
    #[test]
    fn every_file_of_the_openclaw_package_is_written_out() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openclaw");
        let package: Value =
            serde_json::from_str(&fs::read_to_string(directory.join("package.json")).unwrap())
                .unwrap();
        let mut packed: Vec<&str> = package["files"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        packed.retain(|name| *name != "README.md");
        packed.push("package.json");
        packed.sort_unstable();
        let mut ours: Vec<&str> = OPENCLAW.iter().map(|(name, _)| *name).collect();
        ours.sort_unstable();
        assert_eq!(ours, packed);
    }

    #[test]
    fn opencodes_plugin_knows_which_smoltbot_to_call() {
        let smoltbot = Smoltbot {
            program: "/a \"b\"/smoltbot".into(),
            home: "/c".into(),
            home_is_default: true,
        };
        let text = opencode(&smoltbot);
        assert!(
            text.contains(r#"{"command":"/a \"b\"/smoltbot","home":"/c"}"#),
            "{text}"
        );
    }
}
