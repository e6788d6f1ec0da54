//! MCP servers, and the keys that they get.

use std::fs;
use std::time::Duration;

use insta::assert_snapshot;
use smoltbot_config::{McpServer, McpWay};

use super::Machine;
use super::operator::error;

const TOML: &str = r#"
[mcp.files]
command = "npx"
args = ["-y", "server-files", "--key=${FILES_KEY}", "$${HOME}"]
env = { MODE = "ro", KEY = "${FILES_KEY}" }
cwd = "/srv"
start_timeout_seconds = 7
[mcp.tickets]
url = "https://tickets.example.com/mcp?team=${TEAM}"
headers = { authorization = "Bearer ${TICKETS_TOKEN}", x-plain = "a, b" }
call_timeout_seconds = 9
[mcp.old]
enabled = false
command = "old-server"
env = { KEY = "${NOT_SET_ANYWHERE}" }
"#;

fn servers(toml: &str, vars: &[(&str, &str)]) -> Result<Vec<McpServer>, String> {
    let machine = Machine::new(None, vars);
    fs::write(machine.dir.path().join("smoltbot.toml"), toml).expect("a writable directory");
    let config = machine.load().expect("what is not set is no fault yet");
    let directory = format!("{}/", machine.dir.path().display());
    let found = config.mcp_servers();
    found.map_err(|errors| {
        let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
        said.join("\n").replace(&directory, "")
    })
}

#[test]
fn programs_and_places_are_read_with_their_keys_out_of_the_environment() {
    let vars = [
        ("FILES_KEY", "hunter2"),
        ("TEAM", "a"),
        ("TICKETS_TOKEN", "hunter3"),
    ];
    let found = servers(TOML, &vars).unwrap();
    assert!(!format!("{found:?}").contains("hunter"), "{found:?}");
    let [files, tickets] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!(
        (files.name.as_str(), tickets.name.as_str()),
        ("files", "tickets")
    );
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!((files.start_within, files.call_within), (seconds(7), None));
    assert_eq!(
        (tickets.start_within, tickets.call_within),
        (None, seconds(9))
    );
    let McpWay::Program {
        command,
        args,
        env,
        cwd,
    } = &files.way
    else {
        panic!("{files:?}");
    };
    let args: Vec<&str> = args.iter().map(|arg| arg.expose().as_str()).collect();
    assert_eq!(args, ["-y", "server-files", "--key=hunter2", "${HOME}"]);
    assert_eq!(
        (command.as_str(), env["MODE"].expose().as_str()),
        ("npx", "ro")
    );
    assert_eq!(env["KEY"].expose(), "hunter2");
    assert_eq!(cwd.as_deref(), Some("/srv".as_ref()));
    let McpWay::Http { url, headers } = &tickets.way else {
        panic!("{tickets:?}");
    };
    assert_eq!(url.expose(), "https://tickets.example.com/mcp?team=a");
    assert_eq!(headers["authorization"].expose(), "Bearer hunter3");
    assert_eq!(headers["x-plain"].expose(), "a, b");
}

#[test]
fn variables_make_and_change_servers() {
    let vars = [
        ("SMOLTBOT_MCP__OLD__ENABLED", "true"),
        ("SMOLTBOT_MCP__OLD__ARGS", "--a, --b"),
        ("SMOLTBOT_MCP__OLD__ENV", "KEY=1,MODE=x=y"),
        ("SMOLTBOT_MCP__NEW__URL", "http://127.0.0.1:7000/mcp"),
        ("SMOLTBOT_MCP__NEW__CALL_TIMEOUT_SECONDS", "3"),
    ];
    let found = servers("[mcp.old]\nenabled = false\ncommand = \"o\"", &vars).unwrap();
    let [old, new] = &found[..] else {
        panic!("{found:?}");
    };
    let McpWay::Program { args, env, .. } = &old.way else {
        panic!("{old:?}");
    };
    assert_eq!(args.len(), 2);
    assert_eq!(
        (env["KEY"].expose().as_str(), env["MODE"].expose().as_str()),
        ("1", "x=y")
    );
    assert_eq!(new.call_within, Some(Duration::from_secs(3)));
    assert!(matches!(&new.way, McpWay::Http { .. }));
}

#[test]
fn a_variable_that_is_not_set_is_told_where_it_is_named_and_to_who_starts_servers_alone() {
    let wrong = |vars| servers(TOML, vars).unwrap_err();
    assert_snapshot!(wrong(&[]), @r#"
    smoltbot.toml:4:31: mcp.files.args[2]: the environment variable FILES_KEY is not set: set it where the gateway is started
    smoltbot.toml:5:22: mcp.files.env.KEY: the environment variable FILES_KEY is not set: set it where the gateway is started
    smoltbot.toml:9:1: mcp.tickets.url: the environment variable TEAM is not set: set it where the gateway is started
    smoltbot.toml:10:13: mcp.tickets.headers.authorization: the environment variable TICKETS_TOKEN is not set: set it where the gateway is started
    "#);
    assert_snapshot!(wrong(&[("FILES_KEY", "x"), ("TEAM", "a")]), @"smoltbot.toml:10:13: mcp.tickets.headers.authorization: the environment variable TICKETS_TOKEN is not set: set it where the gateway is started");
    let vars = [("FILES_KEY", "x"), ("TEAM", "a"), ("TICKETS_TOKEN", "x")];
    assert_eq!(
        servers(TOML, &vars).unwrap().len(),
        2,
        "what is off needs nothing"
    );
    let half = "[mcp.a]\ncommand = \"x\"\nenv = { K = \"hunter2${OPEN\" }";
    assert_snapshot!(servers(half, &[]).unwrap_err(), @"smoltbot.toml:3:9: mcp.a.env.K: has a ${ without the name of a variable and a }; $${ stands for ${ itself");
    let nowhere = "[mcp.a]\nurl = \"${PLACE}\"";
    assert_snapshot!(servers(nowhere, &[("PLACE", "hunter2")]).unwrap_err(), @"smoltbot.toml:2:1: mcp.a.url: is no URL: write it like https://mcp.example.com/mcp");
}

#[test]
fn wrong_sections_are_told_at_their_place() {
    let wrong = |toml: &str| error(toml, None, &[]);
    assert_snapshot!(wrong("[mcp.a]"), @"smoltbot.toml:1:6: mcp.a: has neither a command to start nor a url: write one of them");
    assert_snapshot!(wrong("[mcp.a]\ncommand = \"x\"\nurl = \"http://127.0.0.1:1/\""), @"smoltbot.toml:1:6: mcp.a: has both a command and a url: take one of them out");
    assert_snapshot!(wrong("[mcp.a]\ncommand = \" \""), @"smoltbot.toml:2:1: mcp.a.command: names no program");
    assert_snapshot!(wrong("[mcp.a]\nurl = \"http://127.0.0.1:1/\"\nargs = [\"x\"]"), @"smoltbot.toml:3:1: mcp.a.args: goes with a command, and this server has a url");
    assert_snapshot!(wrong("[mcp.a]\ncommand = \"x\"\nheaders = { a = \"hunter2\" }"), @"smoltbot.toml:3:1: mcp.a.headers: go with a url; a command gets env");
    assert_snapshot!(wrong("[mcp.a]\ncomand = \"x\""), @r#"smoltbot.toml:2:1: mcp.a.comand: unknown key; did you mean "command"?; known keys are enabled, command, args, env, cwd, url, headers, start_timeout_seconds, call_timeout_seconds"#);
    assert_snapshot!(wrong("[mcp.a]\ncommand = \"x\"\nenv = { K = 12345 }"), @"smoltbot.toml:3:1: mcp.a.env: holds what is no text: write texts in quotation marks, by name");
    assert_snapshot!(wrong("[mcp.a]\ncommand = \"x\"\nenv = { \"A=B\" = \"c\" }"), @r#"smoltbot.toml:3:1: mcp.a.env: "A=B" is no variable's name"#);
    assert_snapshot!(wrong("[mcp.a]\nurl = \"http://127.0.0.1:1/\"\nheaders = { \"a b\" = \"c\" }"), @r#"smoltbot.toml:3:1: mcp.a.headers: "a b" is no header's name"#);
    assert_snapshot!(wrong("[mcp.a]\ncommand = \"x\"\ncall_timeout_seconds = 0"), @"smoltbot.toml:3:1: mcp.a.call_timeout_seconds: 0 is out of range: write 1 to 86400 seconds");
    assert_snapshot!(wrong("[mcp.a__b]\ncommand = \"x\""), @"smoltbot.toml:1:6: mcp.a__b: is no name that fits into mcp__NAME__TOOL: write up to 24 small letters, digits, - and single _");
    assert_snapshot!(wrong("[mcp.Files]\ncommand = \"x\""), @r#"smoltbot.toml:1:2: mcp: "Files" is no server's name: write up to 64 small letters, digits, - and _"#);
    assert_snapshot!(error("", None, &[("SMOLTBOT_MCP__FILES", "x")]), @"environment variable SMOLTBOT_MCP__FILES: names no key: write it like SMOLTBOT_MCP__FILES__KEY, with a name of its own before the key");
}
