//! What is published of which tool.

use smoltbot_config::{MAX_TOOL_LEVELS, PublishLevel};

use super::{error, load};

#[test]
fn a_tool_may_have_a_level_of_its_own() {
    let config = load(
        r#"{"publish": {"tools": {"exec": "none"}}}"#,
        &[("SMOLTBOT_PUBLISH__TOOLS", "read=full, mcp__*=shape")],
    );
    let tools = &config.publish.tools;
    assert_eq!(tools.len(), 2, "a variable stands for the whole key");
    assert_eq!(tools["mcp__*"], PublishLevel::Shape);
    for (file, variables, expected) in [
        (
            r#"{"publish": {"tools": {"exec": "all"}}}"#,
            vec![],
            "config.json:1:24: publish.tools.exec: \"all\" is no publish level: use none, shape, preview or full",
        ),
        (
            r#"{"publish": {"tools": {"exec": 1}}}"#,
            vec![],
            "config.json:1:24: publish.tools.exec: invalid type: integer `1`, expected a string",
        ),
        (
            r#"{"publish": {"tools": ["exec"]}}"#,
            vec![],
            "config.json:1:14: publish.tools: invalid type: sequence, expected an object of levels by tool, such as {\"exec\": \"shape\", \"mcp__*\": \"none\"}",
        ),
        (
            r#"{"publish": {"tools": {"": "full"}}}"#,
            vec![],
            "config.json:1:14: publish.tools: a tool's name has 0 bytes: write 1 to 256, or a glob such as mcp__*",
        ),
        (
            r#"{"publish": {"pii": "hide"}}"#,
            vec![],
            "config.json:1:14: publish.pii: \"hide\" is neither keep nor mask",
        ),
        (
            "{}",
            vec![("SMOLTBOT_PUBLISH__TOOLS", "exec")],
            "environment variable SMOLTBOT_PUBLISH__TOOLS: publish.tools.exec: \"\" is no publish level: use none, shape, preview or full",
        ),
    ] {
        assert_eq!(error(file, &variables), expected);
    }
    let many: serde_json::Map<_, _> = (0..=MAX_TOOL_LEVELS)
        .map(|n| (format!("tool{n}"), "full".into()))
        .collect();
    let many = serde_json::json!({"publish": {"tools": many}}).to_string();
    assert!(error(&many, &[]).contains("names 257 tools, of at most 256"));
}
