//! Which files and variables hold secrets.

use crate::path::{Base, Path};
use crate::place::is_workspace;

/// A store of keys, tokens or passwords: nothing an agent's task needs in clear text.
pub(crate) const STORE: &str = "store";
/// Settings with secrets among them, such as `.env`, which a person may want an agent to see.
pub(crate) const SETTINGS: &str = "settings";

/// Files under a home directory that hold secrets, as the end of a path.
const IN_HOME: &[&[&str]] = &[
    &[".aws", "credentials"],
    &[".azure", "accessTokens.json"],
    &[".azure", "msal_token_cache.json"],
    &[".boto"],
    &[".cargo", "credentials"],
    &[".cargo", "credentials.toml"],
    &[".claude", ".credentials.json"],
    &[".codex", "auth.json"],
    &[".config", "gh", "hosts.yml"],
    &[".config", "hub"],
    &[".docker", "config.json"],
    &[".gem", "credentials"],
    &[".git-credentials"],
    &[".kube", "config"],
    &[".my.cnf"],
    &[".netrc"],
    &["_netrc"],
    &[".npmrc"],
    &[".pgpass"],
    &[".pypirc"],
    &[".s3cfg"],
    &[".terraform.d", "credentials.tfrc.json"],
    &[".vault-token"],
    &[".Xauthority"],
];

/// Directories that are stores of secrets as a whole.
const STORES: &[&[&str]] = &[
    &[".aws"],
    &[".gnupg"],
    &[".ssh"],
    &[".password-store"],
    &[".config", "gcloud"],
    &[".config", "op"],
    &[".config", "google-chrome"],
    &[".config", "chromium"],
    &[".config", "BraveSoftware"],
    &[".mozilla", "firefox"],
    &[".openclaw", "credentials"],
    &[".electrum"],
    &[".bitcoin"],
    &["Library", "Keychains"],
    &["Library", "Cookies"],
    &["Application Support", "Google", "Chrome"],
    &["Application Support", "Firefox"],
    &[".local", "share", "keyrings"],
];

/// What programs keep under the home to get in elsewhere with: directories, and single files.
#[rustfmt::skip]
const HOME_STORES: &[&str] = &[
    ".config/Bitwarden", ".config/Bitwarden CLI", ".config/1Password", ".config/Signal", ".config/Slack", ".config/discord",
    ".config/rclone", ".config/solana", ".config/doctl", ".config/hcloud", ".config/scw", ".config/exoscale", ".config/linode-cli",
    ".config/vultr-cli.yaml", ".config/filezilla", ".config/stripe", ".config/ngrok", ".config/glab-cli", ".config/github-copilot",
    ".config/heroku", ".config/netlify", ".config/configstore", ".config/containers/auth.json", ".config/sops", ".config/age",
    ".config/keepassxc", ".config/helm/registry", ".config/msmtp", ".config/neomutt", ".config/remmina", ".config/microsoft-edge",
    ".config/vivaldi", ".config/opera", ".config/kwalletrc", ".local/share/kwalletd", ".local/share/containers/auth.json",
    ".local/share/com.vercel.cli", ".local/share/pass", ".local/share/gopass", ".ethereum/keystore", ".solana", ".monero", ".litecoin",
    ".dogecoin", ".fly", ".wrangler", ".config/.wrangler", ".vercel", ".netlify/config.json", ".railway", ".heroku", ".oci", ".aliyun", ".tccli",
    ".bluemix", ".ibmcloud", ".linode-cli", ".doctl", ".hcloud", ".terraformrc", ".pulumi/credentials.json", ".putty", ".subversion/auth",
    ".cert", ".pki", ".minikube/profiles", ".docker/contexts", ".config/sapling", ".ngrok2", ".cloudflared", ".step", ".acme.sh",
    ".thunderbird", ".local/share/evolution", ".local/share/TelegramDesktop", ".supabase", ".turso", ".planetscale", ".config/turso",
    ".huggingface/token", ".cache/huggingface/token", ".kaggle", ".openai", ".anthropic", ".gist", ".hgrc.d", ".authinfo", ".authinfo.gpg", ".msmtprc",
    ".fetchmailrc", ".mbsyncrc", ".offlineimaprc", ".smbcredentials", ".rhosts", ".k8s", ".rancher/cli2.json", ".argocd", ".config/argocd", ".consul-token",
    ".nomad-token", ".databrickscfg", ".snowsql/config", ".snowflake", ".dbt/profiles.yml", ".jupyter/jupyter_server_config.json", ".sentryclirc",
];
/// Settings under the home that often hold a password among others.
const HOME_SETTINGS: &[&str] = &[
    ".m2/settings.xml",
    ".m2/settings-security.xml",
    ".gradle/gradle.properties",
    ".config/pip/pip.conf",
    ".pip/pip.conf",
    ".condarc",
    ".yarnrc.yml",
    ".bundle/config",
    ".composer/auth.json",
    ".config/composer/auth.json",
    ".nuget/NuGet/NuGet.Config",
];

/// Whether the part of a path below the home is what some program gets in with.
fn of_a_program(rest: &[String]) -> bool {
    let [first, .., last] = rest else {
        return rest
            .first()
            .is_some_and(|one| HOME_STORES.contains(&one.as_str()));
    };
    let joined = rest.join("/");
    if HOME_STORES.iter().any(|store| {
        joined
            .strip_prefix(store)
            .is_some_and(|below| below.is_empty() || below.starts_with('/'))
    }) {
        return true;
    }
    let (stem, ending) = last.split_once('.').unwrap_or((last, ""));
    first.starts_with('.')
        && matches!(
            stem.to_ascii_lowercase().as_str(),
            "auth"
                | "token"
                | "tokens"
                | "credential"
                | "credentials"
                | "secret"
                | "secrets"
                | "access_token"
                | "accesstokens"
                | "apikey"
                | "api_key"
        )
        && matches!(
            ending,
            "" | "json" | "toml" | "yml" | "yaml" | "ini" | "txt" | "db" | "xml"
        )
}

/// Browsers' and wallets' files, wherever they are.
const NAMES: &[&str] = &[
    "Login Data",
    "Cookies",
    "cookies.sqlite",
    "key4.db",
    "logins.json",
    "wallet.dat",
    "master.key",
    "secring.gpg",
    "login.keychain",
    "login.keychain-db",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    ".git-credentials",
    ".pgpass",
    ".netrc",
    ".vault-token",
    "kubeconfig",
    ".htpasswd",
    "ntds.dit",
];

/// What kind of secret `path` holds, if any.
pub(crate) fn secret_of(path: &Path) -> Option<&'static str> {
    let last = path.last()?;
    let parts = path.parts();
    if path.base() == Base::Root && in_system(parts) {
        return Some(STORE);
    }
    let own = parts.iter().rposition(|part| part == ".smoltbot");
    if own.is_some_and(|at| !is_workspace(&parts[at..])) {
        return (last.starts_with("identity")
            || last.contains("token")
            || last.contains("key")
            || last == ".smoltbot")
            .then_some(STORE);
    }
    if harmless(last) {
        return None;
    }
    if NAMES.contains(&last)
        || IN_HOME
            .iter()
            .any(|tail| tail.len() > 1 && path.ends_with(tail))
    {
        return Some(STORE);
    }
    if let Some(rest) = path.home_rest() {
        // A project's own `.npmrc` is none of the home's, though it lies below it.
        if IN_HOME
            .iter()
            .any(|tail| tail.len() == rest.len() && path.ends_with(tail))
            || of_a_program(rest)
        {
            return Some(STORE);
        }
        let joined = rest.join("/");
        if HOME_SETTINGS.contains(&joined.as_str()) {
            return Some(SETTINGS);
        }
    }
    if last.ends_with(".tfstate") || last.ends_with(".tfstate.backup") {
        return Some(SETTINGS);
    }
    if STORES.iter().any(|store| contains(parts, store)) {
        // The file that only says which regions and profiles there are.
        return (!path.ends_with(&[".aws", "config"])).then_some(STORE);
    }
    let (stem, extension) = last.rsplit_once('.').unwrap_or((last, ""));
    if matches!(
        extension,
        "p12" | "pfx" | "jks" | "keystore" | "kdbx" | "ppk" | "agekey"
    ) || matches!(extension, "pem" | "key") && key_like(stem, extension)
    {
        return Some(STORE);
    }
    let lower = last.to_ascii_lowercase();
    if lower == ".env"
        || lower == ".env*"
        || lower.starts_with(".env.")
        || lower.ends_with(".env") && !lower.starts_with("dev")
    {
        return Some(SETTINGS);
    }
    let (stem, extension) = lower.rsplit_once('.').unwrap_or((lower.as_str(), ""));
    if matches!(
        stem,
        "credentials"
            | "secrets"
            | "secret"
            | "client_secret"
            | "service-account"
            | "service_account"
            | "serviceaccount"
    ) && matches!(
        extension,
        "json"
            | "yml"
            | "yaml"
            | "toml"
            | "ini"
            | "txt"
            | "xml"
            | "properties"
            | "csv"
            | "tar"
            | "zip"
            | "tgz"
            | "gpg"
    ) || extension == "tfvars" && stem.contains("secret")
    {
        return Some(SETTINGS);
    }
    None
}

/// Public halves and files that only show what a real one looks like.
fn harmless(last: &str) -> bool {
    let lower = last.to_ascii_lowercase();
    lower.ends_with(".pub")
        || lower.starts_with("known_hosts")
        || matches!(lower.as_str(), "authorized_keys" | "allowed_signers")
        || lower.contains("example")
        || lower.contains("sample")
        || lower.ends_with(".template")
        || lower.ends_with(".tmpl")
        || lower.ends_with(".dist")
        || lower.ends_with(".defaults")
        || lower == ".env.test"
        || lower == ".env.schema"
}

fn key_like(stem: &str, extension: &str) -> bool {
    let stem = stem.to_ascii_lowercase();
    if ["cert", "public", "chain", "ca-", "-ca", "pub", "bundle"]
        .iter()
        .any(|word| stem.contains(word))
        || stem == "ca"
    {
        return false;
    }
    extension == "key"
        || stem == "*"
        || stem.contains("key")
        || stem.contains("private")
        || stem.contains("secret")
        || stem.contains("id_")
}

fn contains(parts: &[String], store: &[&str]) -> bool {
    let Some(at) = parts
        .windows(store.len())
        .position(|window| window.iter().zip(store).all(|(a, b)| a == b))
    else {
        return false;
    };
    // `~/.ssh/config` says where to connect, not how to get in.
    !(store == [".ssh"]
        && parts[at + 1..].first().is_some_and(|file| {
            matches!(file.as_str(), "config" | "authorized_keys" | "environment")
        }))
}

fn in_system(parts: &[String]) -> bool {
    let words: Vec<&str> = parts.iter().map(String::as_str).collect();
    match words.as_slice() {
        [
            "etc",
            "shadow" | "shadow-" | "gshadow" | "gshadow-" | "sudoers" | "master.passwd"
            | "krb5.keytab",
        ]
        | ["etc", "ssl", "private", ..]
        | ["etc", "kubernetes", "admin.conf"]
        | ["run" | "var", "secrets", ..]
        | ["var", "run", "secrets", ..]
        | ["proc", _, "environ" | "mem"]
        | ["dev", "mem" | "kmem"]
        | [
            "Windows",
            "System32",
            "config",
            "SAM" | "SYSTEM" | "SECURITY",
        ] => true,
        ["etc", "ssh", file] => file.starts_with("ssh_host_") && !file.ends_with(".pub"),
        _ => false,
    }
}

/// Whether a variable of this name holds a secret, as names go.
pub(crate) fn secret_variable(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    [
        "SECRET",
        "PASSWORD",
        "PASSWD",
        "API_KEY",
        "APIKEY",
        "ACCESS_KEY",
        "PRIVATE_KEY",
        "CREDENTIAL",
    ]
    .iter()
    .any(|word| upper.contains(word))
        || upper.ends_with("_TOKEN")
        || upper.ends_with("_KEY")
            && !upper.ends_with("PUBLIC_KEY")
            && !upper.ends_with("CACHE_KEY")
        || upper == "TOKEN"
        || upper == "PGPASSWORD"
        || upper.ends_with("_PAT")
}

/// Whether a text spells out a key or a token, by the marks that those who issue them give them.
pub(crate) fn in_text(text: &str) -> bool {
    if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY") {
        return true;
    }
    let long = |rest: &str, least: usize| {
        rest.bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'/' | b'+'))
            .count()
            >= least
    };
    // What comes before it is no part of a word, so that `risk-…` is no `sk-…`.
    TOKENS.iter().any(|(mark, least)| {
        text.match_indices(mark).any(|(at, _)| {
            let stands_alone = !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
            stands_alone && long(&text[at + mark.len()..], *least)
        })
    })
}

/// Whether any text within `value` holds a secret.
pub(crate) fn in_any(value: &serde_json::Value, depth: usize) -> bool {
    if depth > crate::limits::MAX_PARAMS_DEPTH * 2 {
        return false;
    }
    match value {
        serde_json::Value::String(text) => in_text(text),
        serde_json::Value::Array(items) => items.iter().any(|item| in_any(item, depth + 1)),
        serde_json::Value::Object(map) => map.values().any(|item| in_any(item, depth + 1)),
        _ => false,
    }
}

/// Marks of tokens, and how much must follow at least.
const TOKENS: &[(&str, usize)] = &[
    ("ghp_", 30),
    ("gho_", 30),
    ("ghs_", 30),
    ("github_pat_", 30),
    ("glpat-", 20),
    ("AKIA", 16),
    ("ASIA", 16),
    ("AWS_SECRET_ACCESS_KEY=", 20),
    ("aws_secret_access_key = ", 20),
    ("sk-", 32),
    ("sk_live_", 16),
    ("rk_live_", 16),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("AIza", 35),
    ("npm_", 36),
    ("SG.", 22),
    ("hf_", 30),
    ("dop_v1_", 40),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Option<&'static str> {
        secret_of(&Path::parse(text, &Path::here(), None))
    }

    #[test]
    fn tells_secret_files_from_their_public_kin() {
        for secret in [
            "~/.ssh/id_rsa",
            "~/.ssh",
            "/home/a/.aws/credentials",
            "/etc/shadow",
            "~/.kube/config",
            "server.key",
            "~/.smoltbot/identity.key",
        ] {
            assert_eq!(kind(secret), Some(STORE), "{secret}");
        }
        for settings in [".env", "app/.env.production", "config/secrets.yml"] {
            assert_eq!(kind(settings), Some(SETTINGS), "{settings}");
        }
        for open in [
            "~/.ssh/id_rsa.pub",
            "~/.ssh/config",
            "~/.ssh/known_hosts",
            ".env.example",
            "cert.pem",
            "/etc/passwd",
            "~/.aws/config",
            "src/key.rs",
            ".npmrc",
        ] {
            assert_eq!(kind(open), None, "{open}");
        }
    }
}
