//! Our own table.

use super::{Rule, place, token};
use crate::random;

/// Secrets that are known by their own look, and key material.
#[rustfmt::skip]
pub(super) fn formats() -> Vec<Rule> {
    vec![
        // Key material.
        place(
            "private-key",
            &["PRIVATE KEY"],
            r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[A-Za-z0-9+/=\s:,-]|\\+[nr])*)",
        ),
        place("private-key", &["Private-Lines:"], r"(Private-Lines: [0-9]+(?:[A-Za-z0-9+/=\s]|\\+[nr])*)"),
        token("ssh-private-key", &["b3BlbnNzaC1rZXktdjE"], r"b3BlbnNzaC1rZXktdjE(?:[A-Za-z0-9+/=\s]|\\+[nr])*"),
        token("rsa-private-key", &["IBAAKCA"], r"MII[A-Za-z0-9+/]{2}[A-Za-z0-9+/]{0,3}IBAAKCA(?:[A-Za-z0-9+/=\s]|\\+[nr])*"),
        token("age-secret-key", &["AGE-SECRET-KEY-1"], r"AGE-SECRET-KEY-1[A-Z0-9]{20,}"),
        // Language models.
        token("anthropic-api-key", &["sk-ant-"], r"sk-ant-[A-Za-z0-9_-]{12,}"),
        token("openrouter-api-key", &["sk-or-"], r"sk-or-(?:v[0-9]-)?[A-Za-z0-9]{20,}"),
        token("openai-api-key", &["sk-"], r"sk-(?:proj-|svcacct-|admin-|service-)?[A-Za-z0-9_-]{16,}").when(random::key_like),
        token("groq-api-key", &["gsk_"], r"gsk_[A-Za-z0-9]{20,}"),
        token("xai-api-key", &["xai-"], r"xai-[A-Za-z0-9]{40,}"),
        token("perplexity-api-key", &["pplx-"], r"pplx-[A-Za-z0-9]{32,}"),
        token("replicate-token", &["r8_"], r"r8_[A-Za-z0-9]{30,}"),
        token("huggingface-token", &["hf_", "api_org_"], r"(?:hf|api_org)_[A-Za-z0-9]{30,}"),
        // Code hosts and packages.
        token("github-pat", &["ghp_", "github_pat_"], r"(?:ghp_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"),
        token("github-token", &["gho_", "ghu_", "ghs_", "ghr_"], r"gh[ousr]_[A-Za-z0-9]{20,}"),
        token(
            "gitlab-token",
            &["glpat-", "gldt-", "glrt-", "glptt-", "glft-", "glcbt-", "glimt-", "glagent-", "gloas-", "glsoat-", "glffct-"],
            r"gl(?:pat|dt|rt|ptt|ft|cbt|imt|agent|oas|soat|ffct)-[A-Za-z0-9_.-]{16,}",
        ),
        token("bitbucket-token", &["ATBB"], r"ATBB[A-Za-z0-9]{28,}"),
        token("atlassian-token", &["ATATT3"], r"ATATT3[A-Za-z0-9_=-]{40,}"),
        token("npm-token", &["npm_"], r"npm_[A-Za-z0-9]{30,}"),
        token("pypi-token", &["pypi-"], r"pypi-(?:AgE[A-Za-z0-9_-]{16,}|[A-Za-z0-9_-]{50,})"),
        token("rubygems-token", &["rubygems_"], r"rubygems_[a-f0-9]{40,}"),
        token("crates-io-token", &["cio"], r"cio[A-Za-z0-9]{32}(?-u:\b)").when(random::mixed),
        token("docker-token", &["dckr_"], r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}"),
        token("artifactory-token", &["AKCp"], r"AKCp[A-Za-z0-9]{40,}"),
        // Clouds.
        token("aws-access-key-id", &["AKIA", "ASIA", "ABIA", "ACCA", "A3T"], r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}(?-u:\b)").when(random::not_documentation),
        place(
            "aws-secret-access-key",
            &["aws"],
            r#"(?i-u:aws)[A-Za-z0-9_.]{0,20}(?i-u:secret|sk)[A-Za-z0-9_.]{0,20}[\\"']*[ \t]*(?:=>|:=|[=: ])[ \t]*[\\"']*([A-Za-z0-9/+]{40})(?-u:\b)"#,
        ),
        token("google-api-key", &["AIza"], r"AIza[A-Za-z0-9_-]{30,}"),
        token("google-oauth-token", &["ya29."], r"ya29\.[A-Za-z0-9_-]{20,}"),
        token("google-oauth-token", &["1//0"], r"1//0[A-Za-z0-9_-]{30,}"),
        token("google-client-secret", &["GOCSPX-"], r"GOCSPX-[A-Za-z0-9_-]{20,}"),
        place("azure-storage-key", &["AccountKey", "SharedAccessKey"], r"(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/=]{40,})"),
        place("azure-sas", &["sig="], r"[?&;]sig=([A-Za-z0-9%+/=_-]{30,})"),
        token("azure-client-secret", &["0Q~", "1Q~", "2Q~", "3Q~", "4Q~", "5Q~", "6Q~", "7Q~", "8Q~", "9Q~"], r"[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}"),
        token("digitalocean-token", &["dop_v1_", "doo_v1_", "dor_v1_"], r"do[opr]_v1_[a-f0-9]{32,}"),
        token("cloudflare-origin-ca-key", &["v1.0-"], r"v1\.0-[a-f0-9]{24}-[a-f0-9]{100,}"),
        place(
            "cloudflare-api-token",
            &["cloudflare", "cf_api", "cf-api"],
            r#"(?i-u:cloudflare|cf)[A-Za-z0-9_. -]{0,24}[\\"']*[ \t]*(?:=>|:=|[=:])[ \t]*[\\"']*([A-Za-z0-9_-]{37,45})(?-u:\b)"#,
        )
        .when(random::mixed),
        token("heroku-api-key-v2", &["HRKU-"], r"HRKU-[A-Za-z0-9_-]{30,}"),
        token("fly-token", &["FlyV1 ", "fm1", "fm2_"], r"(?:FlyV1 fm[0-9]?[a-z]?_|fm1[ar]_|fm2_)[A-Za-z0-9+/=,_-]{30,}"),
        token("netlify-token", &["nfp_"], r"nfp_[A-Za-z0-9]{30,}"),
        token("vault-token", &["hvs.", "hvb.", "hvr."], r"hv[sbr]\.[A-Za-z0-9_-]{20,}"),
        token("terraform-token", &[".atlasv1."], r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{40,}"),
        token("pulumi-token", &["pul-"], r"pul-[a-f0-9]{40}"),
        token("doppler-token", &["dp.pt.", "dp.st.", "dp.ct.", "dp.sa."], r"dp\.(?:pt|st|ct|sa)\.[A-Za-z0-9_.-]{30,}"),
        token("databricks-token", &["dapi"], r"dapi[a-f0-9]{32}(?:-[0-9])?"),
        token("planetscale-token", &["pscale_"], r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{30,}"),
        token("supabase-token", &["sbp_", "sb_secret_"], r"(?:sbp_[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{20,})"),
        token("tailscale-key", &["tskey-"], r"tskey-[a-z]+-[A-Za-z0-9_-]{16,}"),
        token("1password-token", &["ops_eyJ"], r"ops_eyJ[A-Za-z0-9+/_=-]{40,}"),
        token("onepassword-secret-key", &["A3-"], r"A3-[A-Z0-9]{6}-[A-Z0-9]{6,11}(?:-[A-Z0-9]{5}){3,4}"),
        // Talking and mailing.
        token("slack-token", &["xoxb-", "xoxp-", "xoxa-", "xoxe-", "xoxe.", "xoxo-", "xoxr-", "xoxs-", "xoxc-", "xoxd-", "xapp-"], r"(?:xox[abcdeoprs][.-]|xapp-)[A-Za-z0-9%._-]{8,}"),
        place("slack-webhook", &["hooks.slack.com"], r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_+-]{20,})"),
        place("discord-webhook", &["/webhooks/"], r"discord(?:app)?\.com/api/(?:v[0-9]+/)?webhooks/[0-9]+/([A-Za-z0-9_-]{30,})"),
        place("telegram-bot-token", &[":AA"], r"(?:^|[^0-9])([0-9]{8,10}:AA[A-Za-z0-9_-]{32,34})"),
        token("twilio-api-key", &["SK0", "SK1", "SK2", "SK3", "SK4", "SK5", "SK6", "SK7", "SK8", "SK9", "SKa", "SKb", "SKc", "SKd", "SKe", "SKf", "SKA", "SKB", "SKC", "SKD", "SKE", "SKF"], r"SK[0-9A-Fa-f]{32}(?-u:\b)"),
        place("twilio-auth-token", &["twilio"], r#"(?i-u:twilio)[A-Za-z0-9_. -]{0,24}[\\"']*[ \t]*(?:=>|:=|[=:])[ \t]*[\\"']*([0-9a-f]{32})(?-u:\b)"#),
        token("sendgrid-api-key", &["SG."], r"SG\.(?:[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|[A-Za-z0-9=_.-]{66})"),
        token("mailgun-key", &["key-", "pubkey-"], r"(?:pub)?key-[0-9a-f]{32}(?-u:\b)"),
        token("mailchimp-key", &["-us"], r"[0-9a-f]{32}-us[0-9]{1,2}(?-u:\b)"),
        // Selling.
        token("stripe-key", &["sk_live_", "sk_test_", "rk_live_", "rk_test_", "sk_prod_", "rk_prod_"], r"[rs]k_(?:live|test|prod)_[A-Za-z0-9]{10,}"),
        token("webhook-secret", &["whsec_"], r"whsec_[A-Za-z0-9+/=]{20,}"),
        token("shopify-token", &["shpat_", "shpca_", "shppa_", "shpss_"], r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
        token("square-token", &["sq0atp-", "sq0csp-", "EAAA"], r"(?:sq0(?:atp|csp)-[A-Za-z0-9_-]{22,}|EAAA[A-Za-z0-9_-]{60}(?-u:\b))"),
        // Working.
        token("linear-api-key", &["lin_api_", "lin_oauth_"], r"lin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
        token("notion-token", &["ntn_"], r"ntn_[A-Za-z0-9]{40,}"),
        token("airtable-pat", &["pat"], r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
        token("postman-api-key", &["PMAK-"], r"PMAK-[A-Fa-f0-9]{24}-[A-Fa-f0-9]{34}"),
        token("figma-token", &["figd_"], r"figd_[A-Za-z0-9_-]{30,}"),
        token("grafana-token", &["glsa_", "glc_"], r"(?:glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}|glc_[A-Za-z0-9+/=]{32,})"),
        token("newrelic-key", &["NRAK-", "NRII-", "NRJS-"], r"NR(?:AK|II|JS)-[A-Za-z0-9-]{19,}"),
        token("sentry-token", &["sntrys_", "sntryu_"], r"sntry[su]_[A-Za-z0-9+/=_-]{40,}"),
        token("dynatrace-token", &["dt0c01.", "dt0s01."], r"dt0[cs]01\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{64}"),
        token("jwt", &["eyJ"], r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"),
    ]
}

/// Secrets that are known by what stands around them.
#[rustfmt::skip]
pub(super) fn places(rules: &mut Vec<Rule>) {
    rules.extend([
        // Places.
        place(
            "authorization",
            &["authorization"],
            r#"(?i-u:authorization)[\\"']*[ \t]*[:=][ \t]*[\\"']*(?i-u:bearer|basic|digest|token|bot|apikey|negotiate|aws4-hmac-sha256)[ \t]+([^\s"'`\\$<{][^\r\n"'`\\]*)"#,
        ),
        place("authorization", &["bearer "], r"(?:^|[^A-Za-z0-9])(?i-u:bearer) +([A-Za-z0-9._~+/=-]{16,})").when(random::random),
        place("authorization", &["authorization"], r#"(?i-u:authorization)[\\"']*[ \t]*[:=][ \t]*[\\"']*([A-Za-z0-9._~+/=-]{12,})"#).when(random::random),
        place("cookie", &["cookie"], r#"(?i-u:cookie)[\\"']*[ \t]*:[ \t]*[\\"']*([A-Za-z0-9_.!#$%&*+^|~-]+=[^\r\n"'`\\]+)"#),
        place("cookie", &["--cookie", " -b "], r#"(?:--cookie|(?-u:\b)curl(?-u:\b)[^\r\n|;]* -b)[ =]+["']?([A-Za-z0-9_.-]+=[^\r\n"'`\s]+)"#),
        place("url-password", &["://"], r#"://[^\s/?#:@"'<>`\\\[]*:([^\s/?#"'<>`\\]+)@"#).when(random::not_variable),
        place("url-password", &["://"], r"://([A-Za-z0-9._~%+=-]{16,})@").when(random::random),
        place("password", &["mysql", "mariadb"], r#"(?-u:\b)(?:mysql|mariadb)[a-z-]*(?-u:\b)[^|;&\r\n]*?\s-p["']?([^\s"'`|;&-][^\s"'`|;&]*)"#).when(random::not_variable),
        place("password", &["sshpass"], r#"(?-u:\b)sshpass\s+-p\s*["']?([^\s"'`|;&]+)"#).when(random::not_variable),
        place("password", &["redis-cli"], r#"(?-u:\b)redis-cli(?-u:\b)[^|;&\r\n]*?\s-a\s+["']?([^\s"'`|;&]+)"#).when(random::not_variable),
        place("password", &["login"], r#"(?-u:\b)(?:docker|podman|helm|oras|crane|az)(?-u:\b)[^|;&\r\n]*?(?-u:\b)login(?-u:\b)[^|;&\r\n]*?\s-p[ =]*["']?([^\s"'`|;&]+)"#).when(random::not_variable),
        place("password", &["curl", "wget", "http"], r#"(?-u:\b)(?:curl|https?|xh)(?-u:\b)[^|;&\r\n]*?\s(?:-u|--user|--proxy-user|-U|-a|--auth)[ =]?["']?[^\s:"'`|;&]+:([^\s"'`|;&]+)"#).when(random::not_variable),
        place("password", &["machine"], r"(?-u:\b)machine\s+\S+\s+login\s+\S+\s+password\s+(\S+)"),
        place("password", &["identified", "password"], r"(?i-u:identified\s+by|(?-u:\b)password)\s+'([^'\s]+)'"),
        place("password", &["@tcp(", "@unix("], r#"(?:^|[\s"'`=])[^\s:@/"'`=]+:([^\s@"'`]+)@(?:tcp|unix)\("#).when(random::not_variable),
        place("password", &["<add key="], r#"(?i-u:<add key=\\*"(?:ClearText)?Password\\*"\s+value=\\*")([^"\r\n\\]+)"#).when(random::not_variable),
        place("docker-auth", &["\"auth\"", "\"auth\\"], r#""auth\\*"\s*:\s*\\*"([A-Za-z0-9+/]{8,}={0,2})"#).when(random::user_and_password),
        place("password-hash", &["$1$", "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$y$", "$argon2", "$apr1$"], r"(\$(?:1|2[aby]|5|6|y|argon2id?|apr1)\$[A-Za-z0-9./$=,+]{20,})").masks_only(),
        place(
            "url-secret",
            &["sig=", "signature=", "credential=", "code=", "auth=", "sid=", "session=", "hmac="],
            r#"[?&;](?i-u:sig|signature|x-(?:amz|goog)-(?:signature|credential)|code|auth|sid|session|hmac)=([^\s&;#"'<>`\\]{16,})"#,
        )
        .when(random::random)
        .masks_only(),
    ]);
}
