//! The identity's keys in a file that holds others.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use smoltbot_config::{Config, ConfigError, Home, IdentityKeys, PublishLevel};

use super::Machine;

pub(super) fn keys() -> IdentityKeys {
    IdentityKeys {
        agent_id: "5a3f1c20-9d1e-8b7a-a1c4-0f2e4d6c8b9a".to_owned(),
        created_at: "2026-11-21T02:10:00.123Z".to_owned(),
        version: "0.1.0".to_owned(),
    }
}

#[test]
fn the_identity_is_written_beside_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::new(dir.path().join("deep/home"));
    home.write_identity(&keys()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(home.path()), mode(&home.config_file())),
        (0o700, 0o600)
    );

    fs::write(
        home.config_file(),
        "{\"publish\": {\"level\": \"full\"}, \"agentId\": \"old\"}",
    )
    .unwrap();
    home.write_identity(&keys()).unwrap();
    let env = BTreeMap::from([(
        "SMOLTBOT_HOME".to_owned(),
        home.path().display().to_string(),
    )]);
    let config = Config::load(&env).unwrap();
    assert_eq!(config.identity, Some(keys()));
    assert_eq!(config.publish.level, Some(PublishLevel::Full));
    assert_eq!(mode(&home.config_file()), 0o600);
    assert_eq!(
        fs::read_dir(home.path()).unwrap().count(),
        1,
        "no draft stays behind"
    );

    // The same again writes nothing, not even to a file that its owner has formatted.
    let text = fs::read_to_string(home.config_file())
        .unwrap()
        .replace('\n', "\n\n");
    fs::write(home.config_file(), &text).unwrap();
    home.write_identity(&keys()).unwrap();
    assert_eq!(fs::read_to_string(home.config_file()).unwrap(), text);
}

#[test]
fn a_broken_file_is_not_overwritten() {
    let machine = Machine::new(Some("{\"gateway\": "), &[]);
    let home = Home::new(machine.dir.path());
    assert!(matches!(
        home.write_identity(&keys()).unwrap_err(),
        ConfigError::File { .. }
    ));
    assert_eq!(
        fs::read_to_string(home.config_file()).unwrap(),
        "{\"gateway\": "
    );
}
