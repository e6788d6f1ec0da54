//! What kind of server a test wants.

use std::fmt::Write as _;

/// How a cluster is set up. The default is what most tests want: a free port, no passwords, no care for power loss.
#[derive(Debug, Clone)]
pub struct Options {
    /// The TCP port on loopback; a free one unless named.
    pub port: Option<u16>,
    /// Whether commits wait for the disk. Off: tests are about processes that die, not about power. Benches turn it on.
    pub fsync: bool,
    /// Whether autovacuum runs. Off: it only adds noise to what is gone in a minute.
    pub autovacuum: bool,
    /// The superuser's password, which TCP then asks for (SCRAM). Without one TCP and socket trust everybody.
    pub password: Option<String>,
    /// Turns TLS on.
    pub tls: Option<Tls>,
    /// Connections that the server takes.
    pub max_connections: u32,
    /// Megabytes that the whole cluster may fill, its log of writes included; at least 128. Needs root, for a mount.
    pub disk_mb: Option<u32>,
    /// Further lines for `postgresql.conf`, name and value; values are quoted.
    pub settings: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: None,
            fsync: false,
            autovacuum: false,
            password: None,
            tls: None,
            max_connections: 100,
            disk_mb: None,
            settings: Vec::new(),
        }
    }
}

/// The server's certificate.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The chain, PEM.
    pub certificate: String,
    /// Its private key, PEM.
    pub key: String,
}

impl Options {
    /// The lines to append to `postgresql.conf`.
    pub(crate) fn lines(&self, port: u16, socket_dir: &str) -> String {
        let on = |yes: bool| if yes { "on" } else { "off" }.to_owned();
        let mut settings = vec![
            ("listen_addresses".to_owned(), "127.0.0.1".to_owned()),
            ("port".to_owned(), port.to_string()),
            ("unix_socket_directories".to_owned(), socket_dir.to_owned()),
            (
                "max_connections".to_owned(),
                self.max_connections.to_string(),
            ),
            ("fsync".to_owned(), on(self.fsync)),
            ("full_page_writes".to_owned(), on(self.fsync)),
            ("synchronous_commit".to_owned(), on(self.fsync)),
            ("autovacuum".to_owned(), on(self.autovacuum)),
            ("timezone".to_owned(), "UTC".to_owned()),
            ("log_timezone".to_owned(), "UTC".to_owned()),
            ("lc_messages".to_owned(), "C".to_owned()),
            ("ssl".to_owned(), on(self.tls.is_some())),
        ];
        settings.extend(self.settings.iter().cloned());
        let mut lines = String::new();
        for (name, value) in &settings {
            // Into a text; nothing can fail.
            let _ = writeln!(lines, "{name} = '{}'", value.replace('\'', "''"));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_of_the_test_comes_last_and_is_quoted() {
        let options = Options {
            settings: vec![("search_path".into(), "it's, public".into())],
            ..Options::default()
        };
        let lines = options.lines(5432, "/run/x");
        assert!(
            lines.ends_with("search_path = 'it''s, public'\n"),
            "{lines}"
        );
        assert!(lines.contains("fsync = 'off'\n"), "{lines}");
    }
}
