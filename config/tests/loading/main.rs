//! Configurations as their owners write them, and the errors as they see them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use insta::assert_snapshot;
use smoltbot_config::{
    Config, ConfigError, Dns, Env, Home, MAX_SOCKET_PATH_BYTES, Pii, PublishLevel, Sidecar,
};

mod identity;
mod mcp;
mod operator;
mod providers;
mod publishing;
mod several;

/// A home with `file` in it, and an environment.
struct Machine {
    dir: tempfile::TempDir,
    env: BTreeMap<String, String>,
}

impl Machine {
    fn new(file: Option<&str>, vars: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        if let Some(text) = file {
            fs::write(dir.path().join("config.json"), text).expect("a writable directory");
        }
        let mut env: BTreeMap<String, String> = vars
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        env.insert("SMOLTBOT_HOME".to_owned(), dir.path().display().to_string());
        Self { dir, env }
    }

    fn load(&self) -> Result<Config, ConfigError> {
        Config::load(&self.env)
    }
}

fn load(file: &str, vars: &[(&str, &str)]) -> Config {
    Machine::new(Some(file), vars)
        .load()
        .expect("a good configuration")
}

/// An agent's, a network's, new agents' and everybody's.
fn limits(config: &Config) -> [u32; 4] {
    let edge = &config.edge;
    [
        edge.limit_per_minute,
        edge.limit_ip_per_minute,
        edge.limit_new_agents_per_hour,
        edge.limit_global_per_minute,
    ]
}

/// The error's words, with the directory taken out.
fn error(file: &str, vars: &[(&str, &str)]) -> String {
    let machine = Machine::new(Some(file), vars);
    let error = machine.load().expect_err("a bad configuration").to_string();
    error.replace(&format!("{}/", machine.dir.path().display()), "")
}

#[test]
fn without_a_file_everything_is_the_default() {
    let config = Machine::new(None, &[]).load().unwrap();
    assert_eq!(config.identity, None);
    assert_eq!(config.gateway.listen.to_string(), "127.0.0.1:18789");
    assert_eq!(config.edge.listen.to_string(), "127.0.0.1:8787");
    assert_eq!(config.gateway.token, None);
    assert_eq!(
        (&config.sidecar.socket, config.sidecar.listen),
        (&None, None)
    );
    assert_eq!(
        (
            config.sidecar.on_demand,
            config.sidecar.idle_exit_seconds,
            config.sidecar.doze_seconds
        ),
        (true, 900, 30)
    );
    assert_eq!(config.edge.database_url, None);
    assert_eq!(limits(&config), [100, 6000, 60, 0]);
    assert_eq!(config.edge.dns, Dns::System);
    assert_eq!(config.conscience.budget_ms, 250);
    assert_eq!(config.conscience.packs, None);
    assert_eq!(config.publish.level, None);
    assert!(config.publish.tools.is_empty());
    assert_eq!(config.publish.pii, Pii::Keep);
    assert_eq!(config.spool.max_bytes, 256 * 1024 * 1024);
    assert!(config.enabled);
    assert_eq!(
        (config.batch_size, config.timeout),
        (10, Duration::from_secs(10))
    );
    assert_eq!(config.api_url, None);
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn the_samples_are_read() {
    let minimal = load(include_str!("../../samples/minimal.json"), &[]);
    assert_eq!(
        minimal.identity.unwrap().agent_id,
        "5a3f1c20-9d1e-8b7a-a1c4-0f2e4d6c8b9a"
    );
    let full = load(include_str!("../../samples/full.json"), &[]);
    assert_eq!(full.edge.listen.to_string(), "0.0.0.0:8787");
    assert_eq!(full.sidecar.listen.unwrap().to_string(), "127.0.0.1:8790");
    assert_eq!(
        full.sidecar.socket,
        Some(PathBuf::from("/run/user/1000/smoltbot.sock"))
    );
    assert_eq!(
        full.edge.database_url.as_deref().unwrap(),
        "sqlite:/var/lib/smoltbot/edge.db"
    );
    assert_eq!(full.publish.level, Some(PublishLevel::Shape));
    assert_eq!(full.publish.tools["read"], PublishLevel::Full);
    assert_eq!(full.publish.tools["mcp__*"], PublishLevel::None);
    assert_eq!(full.publish.pii, Pii::Mask);
    assert_eq!(full.spool.max_bytes, 268_435_456);
    assert_eq!(full.otlp.endpoint.as_deref(), Some("http://127.0.0.1:4318"));
    assert!(full.otlp.headers.is_some());
    // Secrets do not print with the rest.
    assert!(!format!("{full:?}").contains("long-random"));
}

#[test]
fn the_environment_overrides_the_file() {
    let config = load(
        include_str!("../../samples/full.json"),
        &[
            ("SMOLTBOT_GATEWAY__LISTEN", "[::1]:1"),
            ("SMOLTBOT_GATEWAY__TOKEN", "12345"),
            ("SMOLTBOT_SIDECAR__LISTEN", "off"),
            ("SMOLTBOT_EDGE__LIMIT_PER_MINUTE", "0"),
            ("SMOLTBOT_EDGE__LIMIT_IP_PER_MINUTE", "1"),
            ("SMOLTBOT_EDGE__LIMIT_NEW_AGENTS_PER_HOUR", "2"),
            ("SMOLTBOT_EDGE__LIMIT_GLOBAL_PER_MINUTE", "3"),
            (
                "SMOLTBOT_EDGE__DATABASE_URL",
                "postgres://me:hunter2@db/traces",
            ),
            ("SMOLTBOT_EDGE__DNS", "192.0.2.53"),
            ("SMOLTBOT_CONSCIENCE__BUDGET_MS", "60000"),
            ("SMOLTBOT_CONSCIENCE__PACKS", "core, paranoid"),
            ("SMOLTBOT_PUBLISH__LEVEL", "none"),
            ("SMOLTBOT_ENABLED", "false"),
            ("SMOLTBOT_BATCH_SIZE", "500"),
            ("SMOLTBOT_TIMEOUT", "1"),
            (
                "SMOLTBOT_API_URL",
                "https://edge.example.org/base/v1/traces/",
            ),
        ],
    );
    assert_eq!(config.gateway.listen.to_string(), "[::1]:1");
    assert_eq!(config.gateway.token.as_ref().unwrap().expose(), "12345");
    assert_eq!(config.sidecar.listen, None);
    assert_eq!(limits(&config), [0, 1, 2, 3]);
    let edge = &config.edge;
    assert_eq!(
        edge.listen.to_string(),
        "0.0.0.0:8787",
        "what is not overridden stays"
    );
    let server = "192.0.2.53:53".parse().unwrap();
    assert_eq!(config.edge.dns, Dns::Server(server));
    assert_eq!(config.conscience.budget_ms, 60_000);
    let packs = config.conscience.packs.as_deref().unwrap();
    assert_eq!(packs, ["core", "paranoid"]);
    assert_eq!(config.publish.level, Some(PublishLevel::None));
    assert!(!config.enabled);
    assert_eq!(
        (config.batch_size, config.timeout),
        (500, Duration::from_millis(1))
    );
    assert_eq!(
        config.api_url.as_deref(),
        Some("https://edge.example.org/base")
    );
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn api_urls_are_forgiven_their_end() {
    for text in [
        "http://h:1",
        "http://h:1/",
        "http://h:1/v1/traces",
        "http://h:1/v1/traces/",
        " http://h:1// ",
    ] {
        let config = load("{}", &[("SMOLTBOT_API_URL", text)]);
        assert_eq!(config.api_url.as_deref(), Some("http://h:1"), "{text}");
    }
    assert_eq!(load("{}", &[("SMOLTBOT_API_URL", "")]).api_url, None);
}

#[test]
fn errors_name_file_line_column_and_key() {
    assert_snapshot!(error("{\n  \"gateway\": {\n\n    \"listne\": \"127.0.0.1:1\"\n  }\n}", &[]),
        @r#"config.json:4:5: gateway.listne: unknown key; did you mean "listen"?; known keys are listen, token, extra_hosts, database"#);
    assert_snapshot!(error("{\"gatway\": {}}", &[]),
        @r#"config.json:1:2: gatway: unknown key; did you mean "gateway"?; known keys are agentId, createdAt, version, gateway, agent, providers, http_fetch, mcp, webhooks, sidecar, edge, conscience, publish, spool, otlp"#);
    assert_snapshot!(error("{\"publish\": {\"colour\": 1}}", &[]),
        @"config.json:1:14: publish.colour: unknown key; known keys are level, tools, pii");
    assert_snapshot!(error("{\"edge\": {\n\t\"limit_per_minute\": \"many\"}}", &[]),
        @r#"config.json:2:2: edge.limit_per_minute: invalid type: string "many", expected a whole number from 0 to 4294967295"#);
    assert_snapshot!(error("{\"edge\": {\"limit_per_minute\": -1}}", &[]),
        @"config.json:1:11: edge.limit_per_minute: invalid value: integer `-1`, expected a whole number from 0 to 4294967295");
    assert_snapshot!(error("{\"edge\": {\"limit_per_minute\": 1.5}}", &[]),
        @"config.json:1:11: edge.limit_per_minute: invalid type: floating point `1.5`, expected a whole number from 0 to 4294967295");
    assert_snapshot!(error("{\"edge\": 5}", &[]),
        @"config.json:1:2: edge: invalid type: integer `5`, expected an object");
    assert_snapshot!(error("{\"gateway\": {\"listen\": \"localhost\"}}", &[]),
        @r#"config.json:1:14: gateway.listen: "localhost" is no address with a port: write it like 127.0.0.1:8787 or [::1]:8787"#);
    assert_snapshot!(error("{\"sidecar\": {\"listen\": \"0.0.0.0:8790\"}}", &[]),
        @"config.json:1:14: sidecar.listen: 0.0.0.0:8790 is open to the network: what takes tool calls listens on loopback only, such as 127.0.0.1:8790");
    assert_snapshot!(error("{\"sidecar\": {\"listen\": \"8790\"}}", &[]),
        @r#"config.json:1:14: sidecar.listen: "8790" is no address with a port: write it like 127.0.0.1:8790, or "off""#);
    assert_snapshot!(error("{\"sidecar\": {\"socket\": \"x.sock\"}}", &[]),
        @r#"config.json:1:14: sidecar.socket: "x.sock" is no absolute path: begin it with /"#);
    assert_snapshot!(error("{\"conscience\": {\"budget_ms\": 0}}", &[]),
        @"config.json:1:17: conscience.budget_ms: 0 is out of range: write 1 to 60000 milliseconds");
    assert_snapshot!(error("{\"conscience\": {\n  \"packs\": [\"core\", \"gti\"]}}", &[]), @r#"config.json:2:3: conscience.packs: "gti" is no pack: write a list of packs out of "core", "git", "secrets", "network", "cloud", "database", "kubernetes", "paranoid""#);
    assert_snapshot!(error("{\"conscience\": {\n  \"packs\": [\"git\"]}}", &[]), @r#"config.json:2:3: conscience.packs: "core" is missing and cannot be switched off: write a list of packs out of "core", "git", "secrets", "network", "cloud", "database", "kubernetes", "paranoid""#);
    assert_snapshot!(error("{\"conscience\": {\n  \"packs\": [\"core\", 5]}}", &[]), @r#"config.json:2:3: conscience.packs: 5 is no pack: write a list of packs out of "core", "git", "secrets", "network", "cloud", "database", "kubernetes", "paranoid""#);
    assert_snapshot!(error("{\"conscience\": {\n  \"packs\": [\"core\", \"core\"]}}", &[]), @r#"config.json:2:3: conscience.packs: "core" is there twice: write a list of packs out of "core", "git", "secrets", "network", "cloud", "database", "kubernetes", "paranoid""#);
    assert_snapshot!(error("{\"conscience\": {\n  \"packs\": \"core\"}}", &[]), @r#"config.json:2:3: conscience.packs: "core" is no list: write a list of packs out of "core", "git", "secrets", "network", "cloud", "database", "kubernetes", "paranoid""#);
    assert_snapshot!(error("{}", &[("SMOLTBOT_CONSCIENCE__PACKS", "core,gti")]), @r#"environment variable SMOLTBOT_CONSCIENCE__PACKS: "gti" is no pack: write a list of packs out of "core", "git", "secrets", "network", "cloud", "database", "kubernetes", "paranoid""#);
    assert_snapshot!(error("{\"publish\": {\"level\": \"all\"}}", &[]),
        @r#"config.json:1:14: publish.level: "all" is no publish level: use none, shape, preview or full"#);
    assert_snapshot!(error("{\"spool\": {\"max_bytes\": 1000}}", &[]),
        @"config.json:1:12: spool.max_bytes: 1000 is out of range: write 1048576 (1 MiB) to 1099511627776 (1 TiB) bytes");
    assert_snapshot!(error("{\"agentId\": \"x\", \"createdAt\": \"\", \"version\": \"\"}", &[]),
        @r#"config.json:1:2: agentId: "x" is no UUID: `smoltbot init` writes the right one"#);
    assert_snapshot!(error("{\"agentId\": \"x\"}", &[]),
        @"config.json:1:1: createdAt: is missing: agentId, createdAt and version go together, and `smoltbot init` writes them");
}

#[test]
fn what_is_no_json_is_said_with_its_place() {
    assert_snapshot!(error("{\n  \"gateway\": {},\n}", &[]), @"config.json:3:1: is not JSON: trailing comma");
    assert_snapshot!(error("", &[]), @"config.json:1:1: is not JSON: EOF while parsing a value");
    assert_snapshot!(error("[]", &[]), @"config.json:1:1: is no JSON object: begin it with { and end it with }");
    assert_snapshot!(error("{\"edge\": {},\n \"edge\": {}}", &[]), @"config.json:2:2: edge: is there twice: take one out");
    let machine = Machine::new(None, &[]);
    fs::write(machine.dir.path().join("config.json"), b"{\n\"a\xff\"}").unwrap();
    let error = machine.load().unwrap_err().to_string();
    assert!(
        error.ends_with("config.json:2:1: is not UTF-8: save the file as UTF-8"),
        "{error}"
    );
}

#[test]
fn errors_never_repeat_a_secret() {
    for (file, vars) in [
        ("{\"gateway\": {\"token\": 987654321}}", vec![]),
        (
            "{\"edge\": {\"database_url\": \"mysql://me:987654321@db\"}}",
            vec![],
        ),
        (
            "{}",
            vec![("SMOLTBOT_EDGE__DATABASE_URL", "mysql://me:987654321@db")],
        ),
        (
            "{}",
            vec![("SMOLTBOT_API_URL", "https://me:987654321@edge")],
        ),
    ] {
        let error = error(file, &vars);
        assert!(!error.contains("987654321"), "{error}");
    }
    assert_snapshot!(error("{\"gateway\": {\"token\": 5}}", &[]), @"config.json:1:14: gateway.token: expected a text that is not empty");
    assert_snapshot!(error("{\"edge\": {\"database_url\": \"edge.db\"}}", &[]),
        @"config.json:1:11: edge.database_url: is no database URL: write sqlite:/path/to/edge.db or postgres://…");
}

#[test]
fn errors_name_the_variable() {
    assert_snapshot!(error("{}", &[("SMOLTBOT_GATEWAY__LISTNE", "x")]),
        @r#"environment variable SMOLTBOT_GATEWAY__LISTNE: unknown key; did you mean "listen"?; known keys are listen, token, extra_hosts, database"#);
    assert_snapshot!(error("{\"edge\": {\"limit_per_minute\": 1}}", &[("SMOLTBOT_EDGE__LIMIT_PER_MINUTE", "many")]),
        @r#"environment variable SMOLTBOT_EDGE__LIMIT_PER_MINUTE: invalid type: string "many", expected a whole number from 0 to 4294967295"#);
    assert_snapshot!(error("{}", &[("SMOLTBOT_SIDECAR__LISTEN", "[::]:1")]),
        @"environment variable SMOLTBOT_SIDECAR__LISTEN: [::]:1 is open to the network: what takes tool calls listens on loopback only, such as 127.0.0.1:8790");
    for size in ["0", "501", "-1", "ten", "99999999999999999999"] {
        let error = error("{}", &[("SMOLTBOT_BATCH_SIZE", size)]);
        assert_eq!(
            error,
            format!(
                "environment variable SMOLTBOT_BATCH_SIZE: \"{size}\" is out of range: use 1 to 500 traces"
            )
        );
    }
    assert_snapshot!(error("{}", &[("SMOLTBOT_TIMEOUT", "10s")]),
        @r#"environment variable SMOLTBOT_TIMEOUT: "10s" is out of range: use 1 to 600000 milliseconds"#);
    assert_snapshot!(error("{}", &[("SMOLTBOT_ENABLED", "maybe")]),
        @r#"environment variable SMOLTBOT_ENABLED: "maybe" is neither true nor false: use true or false"#);
    assert_snapshot!(error("{}", &[("SMOLTBOT_API_URL", "localhost:8787")]),
        @"environment variable SMOLTBOT_API_URL: is no URL: begin it with http:// or https://, such as http://127.0.0.1:8787");
    for url in [
        "http://",
        "http:///v1/traces",
        "http://:80",
        "http://h/?x",
        "http://a b",
    ] {
        assert!(
            error("{}", &[("SMOLTBOT_API_URL", url)])
                .starts_with("environment variable SMOLTBOT_API_URL: ")
        );
    }
}

#[test]
fn a_variable_that_means_nothing_is_a_warning() {
    let config = load(
        "{}",
        &[
            ("SMOLTBOT_BATCHSIZE", "5"),
            ("OTHER__X", "1"),
            ("SMOLTBOT_FOO__BAR", "1"),
            ("SMOLTBOT_EDGE", "1"),
        ],
    );
    assert_eq!(config.warnings.len(), 3);
    assert!(
        config.warnings[0].starts_with("environment variable SMOLTBOT_BATCHSIZE means nothing"),
        "{:?}",
        config.warnings
    );
}

#[test]
fn a_variable_that_is_not_utf8_is_named() {
    struct Odd(PathBuf);
    impl Env for Odd {
        fn vars(&self) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
            use std::os::unix::ffi::OsStringExt as _;
            let odd = std::ffi::OsString::from_vec(vec![b'a', 0xff]);
            vec![
                ("SMOLTBOT_HOME".into(), self.0.clone().into()),
                ("SMOLTBOT_PUBLISH__LEVEL".into(), odd.clone()),
                (odd.clone(), odd),
            ]
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let error = Config::load(&Odd(dir.path().to_owned())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "environment variable SMOLTBOT_PUBLISH__LEVEL: is not UTF-8"
    );
}

#[test]
fn the_home_is_found_or_missed() {
    let env = |vars: &[(&str, &str)]| -> BTreeMap<String, String> {
        vars.iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    };
    let home = Home::from_env(&env(&[("HOME", "/home/ann"), ("SMOLTBOT_HOME", "")])).unwrap();
    assert_eq!(
        home.config_file(),
        Path::new("/home/ann/.smoltbot/config.json")
    );
    assert_eq!(
        home.key_file(),
        Path::new("/home/ann/.smoltbot/identity.key")
    );
    assert_snapshot!(Home::from_env(&env(&[])).unwrap_err(), @"neither SMOLTBOT_HOME nor HOME is set: set SMOLTBOT_HOME to the directory that keeps smoltbot's state");
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let machine = Machine::new(None, &[]);
    fs::create_dir(machine.dir.path().join("config.json")).unwrap();
    assert!(matches!(
        machine.load().unwrap_err(),
        ConfigError::Io { what: "read", .. }
    ));
    let missing = machine.dir.path().join("other.json");
    assert!(matches!(
        Config::load_file(&missing, &machine.env).unwrap_err(),
        ConfigError::Io { what: "read", .. }
    ));
    fs::write(&missing, "{\"publish\": {\"level\": \"full\"}}").unwrap();
    assert_eq!(
        Config::load_file(&missing, &machine.env)
            .unwrap()
            .publish
            .level,
        Some(PublishLevel::Full)
    );
}

#[test]
fn a_home_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let error = Home::new(dir.path().join("file/home"))
        .write_identity(&identity::keys())
        .unwrap_err()
        .to_string();
    assert!(error.contains("file/home: cannot make: "), "{error}");
}

#[test]
fn a_long_socket_path_becomes_a_short_one() {
    let sidecar = Sidecar::default();
    let short = Home::new("/home/ann/.smoltbot");
    assert_eq!(
        short.socket(&sidecar).unwrap(),
        Path::new("/home/ann/.smoltbot/sidecar.sock")
    );
    let configured = Sidecar {
        socket: Some("/run/x.sock".into()),
        ..Sidecar::default()
    };
    assert_eq!(short.socket(&configured).unwrap(), Path::new("/run/x.sock"));

    // `/sidecar.sock` takes 13 bytes.
    let longest = Home::new(format!("/{}", "a".repeat(MAX_SOCKET_PATH_BYTES - 14)));
    assert!(
        longest
            .socket(&sidecar)
            .unwrap()
            .starts_with(longest.path())
    );
    let long = Home::new(format!("/{}", "a".repeat(MAX_SOCKET_PATH_BYTES - 13)));
    let socket = long.socket(&sidecar).unwrap();
    assert!(
        socket.as_os_str().len() <= MAX_SOCKET_PATH_BYTES,
        "{socket:?}"
    );
    assert_eq!(socket, long.socket(&sidecar).unwrap());
    assert_ne!(
        socket,
        Home::new(format!("{}b", long.path().display()))
            .socket(&sidecar)
            .unwrap()
    );
    let directory = fs::metadata(socket.parent().unwrap()).unwrap();
    assert_eq!(directory.permissions().mode() & 0o777, 0o700);
}
