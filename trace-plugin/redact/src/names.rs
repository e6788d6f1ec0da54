//! Which names say that what stands beside them is a secret: `DB_PASSWORD`, `apiKey`, `X-Auth-Token`, ….
//!
//! The same words decide for object members, for `name=value` in text and for command line flags.

use crate::limits::MAX_NAME_BYTES;

/// What a name says about its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Named {
    /// The rule that stands in the placeholder.
    pub(crate) rule: &'static str,
    /// Whether any value is a secret (`password`), or only one that looks random (`token`), when seen in text.
    pub(crate) strong: bool,
}

const fn strong(rule: &'static str) -> Named {
    Named { rule, strong: true }
}

const fn weak(rule: &'static str) -> Named {
    Named {
        rule,
        strong: false,
    }
}

/// Rules that names give, for the list of all rules.
#[rustfmt::skip]
pub(crate) const RULES: &[&str] = &[
    "password", "secret", "private-key", "token", "api-key", "authorization", "cookie", "credential",
];

/// Words that every secret name contains; a text without any of them needs no look at its names.
#[rustfmt::skip]
pub(crate) const KEYWORDS: &[&str] = &[
    "pass", "phrase", "pwd", "secret", "token", "key", "credential", "mnemonic", "authorization",
];

/// Last parts of secret names; the cheap first look.
#[rustfmt::skip]
const ENDINGS: &[&str] = &[
    "password", "passwd", "passphrase", "passcode", "pwd", "pass", "secret", "token", "key", "authorization",
    "cookie", "cookies", "credential", "credentials", "mnemonic", "phrase", "hash", "jwt",
];

/// Keys that are secrets by the word before them; any other key (`cache_key`, `public_key`, `sessionKey`) is not.
#[rustfmt::skip]
const SECRET_KEYS: &[&str] = &[
    "api", "access", "signing", "encryption", "decryption", "master", "account", "storage", "auth", "ssh",
    "license", "hmac", "service", "shared", "deploy", "app", "client", "webhook",
];

/// Tokens that open nothing: pagination cursors and the vocabulary of parsers and language models.
#[rustfmt::skip]
const HARMLESS_TOKENS: &[&str] = &[
    "next", "page", "continuation", "continue", "cursor", "sync", "pad", "eos", "bos", "unk", "mask", "sep",
    "cls", "start", "end", "stop", "per", "special", "cancellation", "cancel", "first", "last", "current",
    "previous", "prev", "syntax", "max", "min", "added", "image", "resume",
];

/// Reads a name. `None` for names that say nothing.
pub(crate) fn named(name: &str) -> Option<Named> {
    if name.len() > MAX_NAME_BYTES || !ENDINGS.iter().any(|ending| ends_with(name, ending)) {
        return None;
    }
    let words = words(name);
    let last = words.last()?.as_str();
    let before = words.len().checked_sub(2).map(|at| words[at].as_str());
    let joined = words.concat();
    let ends = |ending: &str| joined.ends_with(ending);

    if ends("password")
        || ends("passwd")
        || ends("passphrase")
        || ends("passcode")
        || ends("passwordhash")
    {
        return Some(strong("password"));
    }
    if last == "pwd" && before != Some("old")
        || last == "pass" && !matches!(before, Some("by" | "tests"))
    {
        return Some(strong("password"));
    }
    if ends("privatekey") {
        return Some(strong("private-key"));
    }
    if ends("secret") || ends("secretkey") || ends("secretaccesskey") || ends("mnemonic") {
        return Some(strong("secret"));
    }
    if ends("seedphrase") || ends("recoveryphrase") {
        return Some(strong("secret"));
    }
    if let Some(kind) = joined.strip_suffix("token") {
        let harmless = HARMLESS_TOKENS.iter().any(|word| kind.ends_with(word));
        return if harmless { None } else { Some(weak("token")) };
    }
    if let Some(kind) = joined.strip_suffix("key") {
        let secret = SECRET_KEYS.iter().any(|word| kind.ends_with(word));
        return if secret { Some(weak("api-key")) } else { None };
    }
    match last {
        "jwt" => Some(weak("token")),
        "authorization" => Some(weak("authorization")),
        "cookie" | "cookies" => Some(weak("cookie")),
        "credential" | "credentials" => Some(weak("credential")),
        _ => None,
    }
}

fn ends_with(name: &str, ending: &str) -> bool {
    let (name, ending) = (name.as_bytes(), ending.as_bytes());
    name.len() >= ending.len() && name[name.len() - ending.len()..].eq_ignore_ascii_case(ending)
}

/// `AWS_SecretAccess-key` is `aws secret access key`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let chars: Vec<char> = name.chars().collect();
    for (at, &c) in chars.iter().enumerate() {
        let camel = c.is_ascii_uppercase()
            && at > 0
            && (chars[at - 1].is_ascii_lowercase()
                || chars.get(at + 1).is_some_and(char::is_ascii_lowercase));
        if (camel || !c.is_ascii_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_lowercase());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn secret_names_in_every_spelling() {
        for name in [
            "password", "Password", "DB_PASSWORD", "dbpassword", "user.passwd", "PGPASSWORD", "--password", "pwd",
            "MYSQL_PWD", "DB_PASS", "passphrase", "secret", "CLIENT-SECRET", "clientSecret", "aws_secret_access_key",
            "token", "accessToken", "ACCESS_TOKEN", "session_token", "authtoken", "X-Auth-Token", "api_key", "apiKey",
            "APIKEY", "MY_API_KEY", "x-api-key", "OPENAI_API_KEY", "access_key", "privateKey", "private_key",
            "Authorization", "Proxy-Authorization", "cookie", "Set-Cookie", "credential", "credentials", "jwt",
            "encryption_key", "AccountKey", "mnemonic", "seed_phrase", "password_hash", "csrf_token",
        ] {
            assert!(named(name).is_some(), "{name} names a secret");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn names_that_only_sound_like_it() {
        for name in [
            "tokens", "token_count", "max_tokens", "next_page_token", "nextPageToken", "pageToken", "pad_token",
            "eos_token_id", "key", "public_key", "primary_key", "cache_key", "sessionKey", "monkey", "keyboard",
            "secretary", "secret_name", "bypass", "compass", "by_pass", "OLD_PWD", "OLDPWD", "author", "hash",
            "phrase", "token_type", "password_reset_url", "passwords_match", "trace_id", "",
        ] {
            assert_eq!(named(name), None, "{name} names no secret");
        }
    }

    #[test]
    fn every_secret_name_holds_a_keyword_of_the_gate() {
        for ending in ENDINGS {
            let gated = KEYWORDS.iter().any(|keyword| ending.contains(keyword));
            // Cookies have a rule of their own in text, phrases a word before them, hashes a password.
            let elsewhere = matches!(*ending, "cookie" | "cookies" | "phrase" | "hash" | "jwt");
            assert!(gated || elsewhere, "{ending}");
        }
    }
}
