//! Starts that must not be.

use std::net::{TcpListener, TcpStream};

use crate::support::{Home, stderr};

/// Check 32.
#[test]
fn a_wrong_configuration_never_listens() {
    let home = Home::new();
    assert!(home.run(&["init", "--json"]).status.success());
    home.run(&["down"]);
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    for (toml, line, named) in [
        ("[gateway]\ntokn = \"x\"\n", 2, "tokn"),
        ("[gateway]\nlisten = \"loopback\"\n", 2, "gateway.listen"),
        ("[gatewy]\n", 1, "gatewy"),
        ("[gateway\n", 1, "smoltbot.toml"),
        ("[gateway]\ntoken = \"change-me\"\n", 0, "token"),
    ] {
        std::fs::write(home.path().join("smoltbot.toml"), toml).unwrap();
        for role in ["up", "gateway"] {
            let mut command = home.smoltbot(&[role]);
            if toml.contains("listen") {
                command.env_remove("SMOLTBOT_GATEWAY__LISTEN");
            } else {
                command.env("SMOLTBOT_GATEWAY__LISTEN", address.to_string());
            }
            let output = command.output().unwrap();
            assert!(!output.status.success(), "{role} with {toml}");
            let told = stderr(&output);
            assert!(told.contains(named), "{toml}: {told}");
            if line > 0 {
                let place = format!("smoltbot.toml:{line}");
                assert!(told.contains(&place), "{toml}: {told}");
            }
            // What said that it listens would have said so on standard output.
            assert!(
                output.stdout.is_empty()
                    || !String::from_utf8_lossy(&output.stdout).contains("gateway ")
            );
            assert!(TcpStream::connect(address).is_err());
        }
    }
}
