//! The table of secret formats that are published by those who issue them, and of places where secrets stand.
//!
//! A rule has keywords, one of which must occur before its pattern is even compiled, a pattern whose groups are what is
//! masked, and a check for what a pattern cannot say. A Worker looks for patterns by the small engine in `pattern.rs`, all
//! others by `regex`; both find the same. The order is the precedence: where two rules meet, the first names it.

use std::ops::Range;
use std::sync::OnceLock;

#[cfg(target_arch = "wasm32")]
use crate::pattern::Pattern as Engine;
use crate::random;
#[cfg(not(target_arch = "wasm32"))]
use regex::Regex as Engine;

/// A format of a secret.
pub(crate) struct Rule {
    /// The name in the placeholder.
    pub(crate) id: &'static str,
    /// Literals, one of which is in every match.
    pub(crate) keywords: &'static [&'static str],
    /// Whether a keyword must have exactly this case.
    pub(crate) exact: bool,
    pattern: &'static str,
    /// Whether the pattern is the secret itself, which then must not begin inside a word.
    token: bool,
    /// What else must hold of the group.
    pub(crate) check: fn(&str) -> bool,
    engine: OnceLock<Engine>,
}

impl Rule {
    /// Where the pattern's group, the secret, stands in every match.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn groups(&self, text: &str) -> Vec<Range<usize>> {
        self.engine().groups(text)
    }

    /// Where the pattern's group, the secret, stands in every match.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn groups(&self, text: &str) -> Vec<Range<usize>> {
        let group = |captures: regex::Captures<'_>| Some(captures.get(1)?.range());
        self.engine()
            .captures_iter(text)
            .filter_map(group)
            .collect()
    }

    /// The pattern, compiled once.
    fn engine(&self) -> &Engine {
        self.engine.get_or_init(|| {
            let whole = self.whole_pattern();
            #[cfg(target_arch = "wasm32")]
            let engine = Engine::parse(&whole);
            #[cfg(not(target_arch = "wasm32"))]
            let engine = Engine::new(&whole);
            // The table is fixed and a test compiles every row.
            engine.unwrap_or_else(|error| unreachable!("rule {}: {error}", self.id))
        })
    }

    /// The pattern with what must stand before it.
    pub(crate) fn whole_pattern(&self) -> String {
        if self.token {
            // A token may follow an escape that ends in a letter: `\nghp_…` in JSON within a string.
            format!(r"(?:^|[^A-Za-z0-9]|\\[nrt])({})", self.pattern)
        } else {
            self.pattern.to_owned()
        }
    }
}

const fn always(_: &str) -> bool {
    true
}

/// A secret that is known by its own look.
const fn token(id: &'static str, keywords: &'static [&'static str], pattern: &'static str) -> Rule {
    Rule {
        id,
        keywords,
        exact: true,
        pattern,
        token: true,
        check: always,
        engine: OnceLock::new(),
    }
}

/// A secret that is known by what stands around it; keywords in any case.
const fn place(id: &'static str, keywords: &'static [&'static str], pattern: &'static str) -> Rule {
    Rule {
        id,
        keywords,
        exact: false,
        pattern,
        token: false,
        check: always,
        engine: OnceLock::new(),
    }
}

impl Rule {
    const fn when(mut self, check: fn(&str) -> bool) -> Self {
        self.check = check;
        self
    }
}

/// Every rule.
pub(crate) static RULES: [Rule; 85] = [
    // Key material.
    place(
        "private-key",
        &["PRIVATE KEY"],
        r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[A-Za-z0-9+/=\s:,-]|\\+[nr])*)",
    ),
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
        &["glpat-", "gldt-", "glrt-", "glptt-", "glft-", "glcbt-", "glimt-", "glagent-", "gloas-", "glsoat-"],
        r"gl(?:pat|dt|rt|ptt|ft|cbt|imt|agent|oas|soat)-[A-Za-z0-9_.-]{16,}",
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
    token("aws-access-key-id", &["AKIA", "ASIA", "ABIA", "ACCA"], r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?-u:\b)"),
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
    token("azure-client-secret", &["8Q~"], r"[A-Za-z0-9_~.-]{3}8Q~[A-Za-z0-9_~.-]{31,34}"),
    token("digitalocean-token", &["dop_v1_", "doo_v1_", "dor_v1_"], r"do[opr]_v1_[a-f0-9]{32,}"),
    token("cloudflare-origin-ca-key", &["v1.0-"], r"v1\.0-[a-f0-9]{24}-[a-f0-9]{100,}"),
    place(
        "cloudflare-api-token",
        &["cloudflare", "cf_api", "cf-api"],
        r#"(?i-u:cloudflare|cf)[A-Za-z0-9_. -]{0,24}[\\"']*[ \t]*(?:=>|:=|[=:])[ \t]*[\\"']*([A-Za-z0-9_-]{37,45})(?-u:\b)"#,
    )
    .when(random::mixed),
    token("heroku-api-key", &["HRKU-"], r"HRKU-[A-Za-z0-9_-]{30,}"),
    token("fly-token", &["FlyV1 ", "fm1", "fm2_"], r"(?:FlyV1 fm[0-9]?[a-z]?_|fm1[ar]_|fm2_)[A-Za-z0-9+/=,_-]{30,}"),
    token("netlify-token", &["nfp_"], r"nfp_[A-Za-z0-9]{30,}"),
    token("vault-token", &["hvs.", "hvb.", "hvr."], r"hv[sbr]\.[A-Za-z0-9_-]{20,}"),
    token("terraform-token", &[".atlasv1."], r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{40,}"),
    token("pulumi-token", &["pul-"], r"pul-[a-f0-9]{40}"),
    token("doppler-token", &["dp.pt.", "dp.st.", "dp.ct.", "dp.sa."], r"dp\.(?:pt|st|ct|sa)\.[A-Za-z0-9_.-]{30,}"),
    token("databricks-token", &["dapi"], r"dapi[a-f0-9]{32}"),
    token("planetscale-token", &["pscale_"], r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{30,}"),
    token("supabase-token", &["sbp_", "sb_secret_"], r"(?:sbp_[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{20,})"),
    token("tailscale-key", &["tskey-"], r"tskey-[a-z]+-[A-Za-z0-9_-]{16,}"),
    token("1password-token", &["ops_eyJ"], r"ops_eyJ[A-Za-z0-9_=-]{40,}"),
    token("onepassword-secret-key", &["A3-"], r"A3-[A-Z0-9]{6}-[A-Z0-9]{6,11}(?:-[A-Z0-9]{5}){3,4}"),
    // Talking and mailing.
    token("slack-token", &["xoxb-", "xoxp-", "xoxa-", "xoxe-", "xoxe.", "xoxo-", "xoxr-", "xoxs-", "xoxc-", "xoxd-", "xapp-"], r"(?:xox[abcdeoprs][.-]|xapp-)[A-Za-z0-9%._-]{10,}"),
    place("slack-webhook", &["hooks.slack.com"], r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_+-]{20,})"),
    place("discord-webhook", &["/webhooks/"], r"discord(?:app)?\.com/api/(?:v[0-9]+/)?webhooks/[0-9]+/([A-Za-z0-9_-]{30,})"),
    place("telegram-bot-token", &[":AA"], r"(?:^|[^0-9])([0-9]{8,10}:AA[A-Za-z0-9_-]{32,34})"),
    token("twilio-api-key", &["SK0", "SK1", "SK2", "SK3", "SK4", "SK5", "SK6", "SK7", "SK8", "SK9", "SKa", "SKb", "SKc", "SKd", "SKe", "SKf"], r"SK[0-9a-f]{32}(?-u:\b)"),
    place("twilio-auth-token", &["twilio"], r#"(?i-u:twilio)[A-Za-z0-9_. -]{0,24}[\\"']*[ \t]*(?:=>|:=|[=:])[ \t]*[\\"']*([0-9a-f]{32})(?-u:\b)"#),
    token("sendgrid-api-key", &["SG."], r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    token("mailgun-key", &["key-", "pubkey-"], r"(?:pub)?key-[0-9a-f]{32}(?-u:\b)"),
    token("mailchimp-key", &["-us"], r"[0-9a-f]{32}-us[0-9]{1,2}(?-u:\b)"),
    // Selling.
    token("stripe-key", &["sk_live_", "sk_test_", "rk_live_", "rk_test_", "sk_prod_", "rk_prod_"], r"[rs]k_(?:live|test|prod)_[A-Za-z0-9]{10,}"),
    token("webhook-secret", &["whsec_"], r"whsec_[A-Za-z0-9+/=]{20,}"),
    token("shopify-token", &["shpat_", "shpca_", "shppa_", "shpss_"], r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    token("square-token", &["sq0atp-", "sq0csp-", "EAAAE"], r"(?:sq0(?:atp|csp)-[A-Za-z0-9_-]{22,}|EAAAE[A-Za-z0-9_-]{54,})"),
    // Working.
    token("linear-api-key", &["lin_api_", "lin_oauth_"], r"lin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
    token("notion-token", &["ntn_"], r"ntn_[A-Za-z0-9]{40,}"),
    token("airtable-pat", &["pat"], r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    token("postman-api-key", &["PMAK-"], r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    token("figma-token", &["figd_"], r"figd_[A-Za-z0-9_-]{30,}"),
    token("grafana-token", &["glsa_", "glc_"], r"(?:glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}|glc_[A-Za-z0-9+/=]{32,})"),
    token("newrelic-key", &["NRAK-", "NRII-", "NRJS-"], r"NR(?:AK|II|JS)-[A-Za-z0-9-]{19,}"),
    token("sentry-token", &["sntrys_", "sntryu_"], r"sntry[su]_[A-Za-z0-9+/=_-]{40,}"),
    token("dynatrace-token", &["dt0c01.", "dt0s01."], r"dt0[cs]01\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    token("jwt", &["eyJ"], r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"),
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
];

/// Rules that are not in the table: by name, by what an encoding hides, and what would not come to rest.
const OTHERS: &[&str] = &["discord-bot-token", crate::mask::UNSETTLED];

/// The names of all rules, as they stand in placeholders; sorted, without doubles.
pub fn rule_names() -> Vec<&'static str> {
    let mut names: Vec<_> = RULES.iter().map(|rule| rule.id).collect();
    names.extend(crate::names::RULES);
    names.extend(OTHERS);
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles_and_has_one_group() {
        for rule in &RULES {
            assert_eq!(rule.engine().captures_len(), 2, "{}", rule.id);
            assert!(rule.engine().find("").is_none(), "{}", rule.id);
            assert!(!rule.keywords.is_empty(), "{}", rule.id);
        }
    }

    #[test]
    fn there_are_at_least_sixty_rules_with_names_for_placeholders() {
        let names = rule_names();
        assert!(names.len() >= 60, "{}", names.len());
        for name in names {
            assert!(
                name.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{name}"
            );
        }
    }
}
