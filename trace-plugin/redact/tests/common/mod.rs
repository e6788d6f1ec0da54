//! One invented secret for every rule, in two halves so that no scanner mistakes this file for a leak.

// Each test binary uses its own part of this file.
#![allow(dead_code)]

pub(crate) mod generate;

/// A rule, what stands before the secret, and the secret in two halves.
pub(crate) type Canary = (&'static str, &'static str, &'static str, &'static str);

/// Secrets that are known by their own look.
#[rustfmt::skip]
pub(crate) const TOKENS: &[Canary] = &[
    ("ssh-private-key", "", "b3BlbnNzaC1rZXktdjE", "AAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQyNTUxOQ=="),
    ("rsa-private-key", "", "MIIEpAIBAAKCA", "QEAx8d3Kq0Yv1mZp5RwQ2tLk9fJs4Nb7HcXeGaUoViTyDzWl"),
    ("age-secret-key", "", "AGE-SECRET-", "KEY-1QQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQQPZRY9X8GF2TVDW0S3"),
    ("anthropic-api-key", "", "sk-ant-", "api03-Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCcDdEe"),
    ("openrouter-api-key", "", "sk-or-", "v1-0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9"),
    ("openai-api-key", "", "sk-proj-", "abcdefghijklmnopqrstuvwxyz0123456789ABCD"),
    ("openai-api-key", "", "sk-", "Zk9fQ2mX7pLw4Rt8Vb3NT3BlbkFJc6Hd1Jg5Ks0AaBbCcDdEe"),
    ("groq-api-key", "", "gsk_", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCcDdEeFfGgHhIiJjKk"),
    ("xai-api-key", "", "xai-", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCcDdEeFfGgHhIiJjKk"),
    ("perplexity-api-key", "", "pplx-", "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f6071"),
    ("replicate-token", "", "r8_", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCc"),
    ("huggingface-token", "", "hf_", "ZkfQmXpLwRtVbNcHdJgKsAaBbCcDdEeFfGg"),
    ("github-pat", "", "ghp_", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbC"),
    ("github-pat", "", "github_pat_", "11ABCDEFG0Zk9fQ2mX7pLw_4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCcDdEeFfGgHhIiJjKkLl"),
    ("github-token", "", "gho_", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbC"),
    ("github-token", "", "ghs_", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbC"),
    ("gitlab-token", "", "glpat-", "Zk9fQ2mX7pLw4Rt8Vb3N"),
    ("bitbucket-token", "", "ATBB", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0A"),
    ("atlassian-token", "", "ATATT3", "xFfGF0Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCcDdEe=1A2B3C4D"),
    ("npm-token", "", "npm_", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbC"),
    ("pypi-token", "", "pypi-", "AgEIcHlwaS5vcmcCJDZk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCcDdEeFfGg"),
    ("rubygems-token", "", "rubygems_", "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f6071"),
    ("crates-io-token", "", "cio", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0A"),
    ("docker-token", "", "dckr_pat_", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg"),
    ("artifactory-token", "", "AKCp", "8Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCcDdEeFfGgHhIiJjKkLlMmNnOoPpQqRr"),
    ("aws-access-key-id", "", "AKIA", "Z7QX3M5K9P2LRT4V"),
    ("aws-access-key-id", "", "ASIA", "Z7QX3M5K9P2LRT4V"),
    ("google-api-key", "", "AIza", "SyZk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0Aa"),
    ("google-oauth-token", "", "ya29.", "a0Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCc"),
    ("google-oauth-token", "", "1//0", "gZk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCc"),
    ("google-client-secret", "", "GOCSPX-", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5"),
    ("azure-client-secret", "", "Zk98Q~", "Q2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCcDdE"),
    ("digitalocean-token", "", "dop_v1_", "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9"),
    ("cloudflare-origin-ca-key", "", "v1.0-", "0a1b2c3d4e5f60718293a4b5-0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9"),
    ("heroku-api-key-v2", "", "HRKU-", "AAZk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCc"),
    ("fly-token", "", "fm2_", "lJPECAAAAAAAZk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCc"),
    ("netlify-token", "", "nfp_", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCcDdE"),
    ("vault-token", "", "hvs.", "CAESIZk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCc"),
    ("terraform-token", "", "Zk9fQ2mX7pLw4R.atlasv1.", "t8Vb3Nc6Hd1Jg5Ks0AaBbCcDdEeFfGgHhIiJjKkLlMmNnOoPpQqRrSsTtUuVvWwXx"),
    ("pulumi-token", "", "pul-", "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d"),
    ("doppler-token", "", "dp.pt.", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCcDdEeFf"),
    ("databricks-token", "", "dapi", "0a1b2c3d4e5f60718293a4b5c6d7e8f9"),
    ("planetscale-token", "", "pscale_tkn_", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCc"),
    ("supabase-token", "", "sbp_", "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d"),
    ("tailscale-key", "", "tskey-", "auth-kZk9fQ2mX7CNTRL-pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBb"),
    ("1password-token", "", "ops_", "eyJzaWduSW5BZGRyZXNzIjoiZXhhbXBsZSIsInVzZXJBdXRoIjp7fX0Zk9fQ2mX7"),
    ("onepassword-secret-key", "", "A3-", "ZK9FQ2-MX7PLW4RT8V-B3NC6-HD1JG-5KS0A"),
    ("slack-token", "", "xoxb-", "123456789012-1234567890123-Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd"),
    ("slack-token", "", "xapp-", "1-A0123456789-1234567890123-0a1b2c3d4e5f60718293a4b5"),
    ("slack-token", "", "xoxe.xoxp-1-", "Mi0yLTEwNDE0MTkyNzY0LTEwNDE0MTkyNzY0ZK9FQ2MX7PLW4RT8VB3NC6HD1JG5KS0A"),
    ("telegram-bot-token", "", "123456789:", "AAZk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0Aa"),
    ("discord-bot-token", "", "MTIzNDU2Nzg5MDEyMzQ1Njc4.", "GZk9fQ.Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCcD"),
    ("twilio-api-key", "", "SK", "0a1b2c3d4e5f60718293a4b5c6d7e8f9"),
    ("sendgrid-api-key", "", "SG.", "Zk9fQ2mX7pLw4Rt8Vb3N.c6Hd1Jg5Ks0AaBbCcDdEeFfGgHhIiJjKkLlMmNnOoP"),
    ("mailgun-key", "", "key-", "0a1b2c3d4e5f60718293a4b5c6d7e8f9"),
    ("mailchimp-key", "", "0a1b2c3d4e5f60718293", "a4b5c6d7e8f9-us14"),
    ("stripe-key", "", "sk_live_", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd"),
    ("stripe-key", "", "rk_test_", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd"),
    ("webhook-secret", "", "whsec_", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0A"),
    ("shopify-token", "", "shpat_", "0a1b2c3d4e5f60718293a4b5c6d7e8f9"),
    ("square-token", "", "sq0atp-", "Zk9fQ2mX7pLw4Rt8Vb3Nc6"),
    ("linear-api-key", "", "lin_api_", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCcDdE"),
    ("notion-token", "", "ntn_", "123456789012Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0Aa"),
    ("airtable-pat", "", "patZk9fQ2mX7pLw4R.", "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9"),
    ("postman-api-key", "", "PMAK-", "0a1b2c3d4e5f60718293a4b5-0a1b2c3d4e5f60718293a4b5c6d7e8f90a"),
    ("figma-token", "", "figd_", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCc"),
    ("grafana-token", "", "glsa_", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0A_0a1b2c3d"),
    ("newrelic-key", "", "NRAK-", "ZK9FQ2MX7PLW4RT8VB3NC6HD1JG"),
    ("sentry-token", "", "sntrys_", "eyJpYXQiOjE3MDAwMDAwMDAuMCwidXJsIjoiaHR0cHM6Ly9zZW50cnkuaW8ifQ==_Zk9fQ2mX7"),
    ("dynatrace-token", "", "dt0c01.", "ZK9FQ2MX7PLW4RT8VB3NC6HD.ZK9FQ2MX7PLW4RT8VB3NC6HD1JG5KS0AZK9FQ2MX7PLW4RT8VB3NC6HD1JG5KS0A"),
    ("jwt", "", "eyJhbGciOiJIUzI1NiJ9.", "eyJzdWIiOiIxMjM0NTY3ODkwIn0.Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCc"),
];

/// Secrets that are known by what stands before them.
#[rustfmt::skip]
pub(crate) const PLACES: &[Canary] = &[
    ("private-key", "-----BEGIN RSA PRIVATE", " KEY-----\nMIIEpAIBAAKCAQEAx8d3Kq0Yv1m", "Zp5RwQ2tLk9fJs4Nb7HcXeGa"),
    ("private-key", "-----BEGIN OPENSSH PRIVATE", " KEY-----\\nb3BlbnNzaC1rZXktdjEAAAAA", "Zp5RwQ2tLk9fJs4Nb7HcXeGa\\n"),
    ("aws-secret-access-key", "aws_secret_access_key = ", "wJalrXUtnFEMIK7MDENG", "bPxRfiCYZXZXKEYKEYKE"),
    ("cloudflare-api-token", "CLOUDFLARE_API_TOKEN=", "Zk9fQ2mX7pLw4Rt8Vb3N", "c6Hd1Jg5Ks0AaBbCcDdE"),
    ("azure-storage-key", "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCcDdEeFfGgHhIiJj", "KkLlMmNnOoPpQqRrSsTtUuVvWwXxYyZz012345=="),
    ("azure-sas", "https://x.blob.core.windows.net/c/b?sv=2024-01-01&sig=", "Zk9fQ2mX7pLw4Rt8Vb3N", "c6Hd1Jg5Ks0AaBbC"),
    ("slack-webhook", "https://hooks.slack.com/services/", "T0123ABCD/B0123ABCD/", "Zk9fQ2mX7pLw4Rt8Vb3Nc6Hd"),
    ("discord-webhook", "https://discord.com/api/webhooks/123456789012345678/", "Zk9fQ2mX7pLw4Rt8Vb3N", "c6Hd1Jg5Ks0AaBbCcDdEeFfGgHhIiJjKkLlMmNnOoPpQqRr"),
    ("telegram-bot-token", "https://api.telegram.org/bot", "123456789:AAZk9fQ2mX7", "pLw4Rt8Vb3Nc6Hd1Jg5Ks0Aa"),
    ("twilio-auth-token", "TWILIO_AUTH=", "0a1b2c3d4e5f6071", "8293a4b5c6d7e8f9"),
    ("authorization", "Authorization: Bearer ", "opaque", "-and-short"),
    ("authorization", "authorization: Basic ", "dXNlcjpw", "YXNzd29yZA=="),
    ("authorization", "use Bearer ", "Zk9fQ2mX7pLw", "4Rt8Vb3Nc6Hd"),
    ("docker-auth", "{\"auths\": {\"ghcr.io\": {\"auth\": \"", "bWU6aHVu", "dGVyMg=="),
    ("password-hash", "root:", "$6$Zk9fQ2mX7pLw4R$", "t8Vb3Nc6Hd1Jg5Ks0AaBbCcDdEeFfGgHhIiJjKkLlMm"),
    ("password-hash", "me:", "$2b$12$Zk9fQ2mX7pLw", "4Rt8Vb3Nc6Hd1Jg5Ks0AaBbCcDdEeFfGg"),
    ("url-secret", "https://x.s3.amazonaws.com/k?X-Amz-Signature=", "0a1b2c3d4e5f6071", "8293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9"),
    ("url-secret", "https://app.example.org/callback?state=x&code=", "Zk9fQ2mX7pLw", "4Rt8Vb3Nc6Hd"),
    ("kubernetes-secret", "kind: Secret\ndata:\n  key: ", "aHVudGVy", "MmFuZHNvbWU="),
    ("private-key", "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n", "Zp5RwQ2tLk9fJs4Nb7", "HcXeGaZp5RwQ2tLk9fJs4Nb7HcXeGa"),
    ("password", "dbuser:", "hun", "ter2"),
    ("password", "<add key=\"Password\" value=\"", "hun", "ter2"),
    ("cookie", "Cookie: ", "sid=abc", "def; theme=dark"),
    ("cookie", "Set-Cookie: ", "session=very", "private; Path=/; HttpOnly"),
    ("cookie", "curl -b ", "sid=abc", "def"),
    ("url-password", "postgres://admin:", "hun", "ter2"),
    ("url-password", "https://", "Zk9fQ2mX7pLw", "4Rt8Vb3Nc6Hd"),
    ("password", "mysql -u root -p", "hun", "ter2"),
    ("password", "sshpass -p ", "hun", "ter2"),
    ("password", "redis-cli -h x -a ", "hun", "ter2"),
    ("password", "docker login -u me -p ", "hun", "ter2"),
    ("password", "curl -u me:", "hun", "ter2"),
    ("password", "machine api.example.org login me password ", "hun", "ter2"),
    ("password", "CREATE USER me IDENTIFIED BY '", "hun", "ter2"),
    ("password", "export DB_PASSWORD=", "hun", "ter2"),
    ("password", "PGPASSWORD=", "hun", "ter2"),
    ("password", "tool --password ", "hun", "ter2"),
    ("password", "tool --password=", "hun", "ter2"),
    ("password", "password: ", "hun", "ter2"),
    ("password", "{\"password\": \"", "hunter two", "and a half"),
    ("password", "{\\\"passwd\\\":\\\"", "hunter two", "and a half"),
    ("password", "{\\\\\\\"passwd\\\\\\\":\\\\\\\"", "hunter two", "and a half"),
    ("password", "const password: string = \"", "hun", "ter2"),
    ("password", "<password>", "hun", "ter2"),
    ("secret", "client_secret=", "tom", "ato7"),
    ("secret", "os.environ[\"APP_SECRET\"] = '", "tom", "ato7"),
    ("private-key", "signing.privateKey: \"", "0xfeed", "beefcafe"),
    ("token", "https://x.org/?access_token=", "a8f3k2l9", "x7y6z5"),
    ("token", "export BOT_TOKEN=", "a8f3k2l9", "x7y6z5"),
    ("token", "tool --token ", "a8f3k2l9", "x7y6z5"),
    ("api-key", "X-Api-Key: ", "a8f3k2l9", "x7y6z5"),
    ("api-key", "export MY_API_KEY=", "a8f3k2l9", "x7y6z5"),
    ("api-key", "api_key := \"", "a8f3k2l9", "x7y6z5"),
    ("credential", "credentials: '", "a8f3k2l9", "x7y6z5"),
];

/// What closes what a place has opened.
pub(crate) fn closing(before: &str) -> &'static str {
    if before.starts_with("postgres://") || before == "https://" {
        "@host/db"
    } else if before == "dbuser:" {
        "@tcp(127.0.0.1:3306)/db"
    } else if before.ends_with("\\\\\\\"") {
        "\\\\\\\"}"
    } else if before.ends_with("\\\"") {
        "\\\"}"
    } else if before.ends_with('"') {
        "\""
    } else if before.ends_with('\'') {
        "'"
    } else if before == "<password>" {
        "</password>"
    } else {
        ""
    }
}

/// All canaries as (rule, text with the secret in it, secret).
pub(crate) fn canaries() -> Vec<(&'static str, String, String)> {
    let tokens = TOKENS
        .iter()
        .map(|(rule, _, a, b)| (*rule, format!("before {a}{b} after"), format!("{a}{b}")));
    let places = PLACES.iter().map(|(rule, before, a, b)| {
        (
            *rule,
            format!("{before}{a}{b}{}", closing(before)),
            format!("{a}{b}"),
        )
    });
    tokens.chain(places).collect()
}

/// Whether a piece of `secret` that is long enough to matter is left in `text`.
pub(crate) fn leaks(text: &str, secret: &str) -> bool {
    // The rule's own name may begin like its secret.
    let text = redact::rule_names()
        .iter()
        .fold(text.to_owned(), |text, rule| {
            text.replace(&format!("[redacted:{rule}]"), "")
        });
    let piece = secret.len().min(8);
    (0..=secret.len() - piece)
        .filter(|&at| secret.is_char_boundary(at) && secret.is_char_boundary(at + piece))
        .any(|at| text.contains(&secret[at..at + piece]))
}

/// Percent-encodes everything that is not a letter or digit.
pub(crate) fn percent(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}
