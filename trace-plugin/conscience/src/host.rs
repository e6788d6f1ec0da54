//! Hosts: the one in a URL, and which ones matter.

/// The host of a URL, without user, port or path. Text without a scheme is read as if it had one.
pub(crate) fn of_url(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    if let Some(inner) = host.strip_prefix('[') {
        return inner
            .split(']')
            .next()
            .unwrap_or(inner)
            .to_ascii_lowercase();
    }
    let host = host.split(':').next().unwrap_or(host);
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// Whether a host hands out the machine's own cloud credentials.
pub(crate) fn is_metadata(host: &str) -> bool {
    if matches!(
        host,
        "metadata.google.internal"
            | "metadata"
            | "metadata.goog"
            | "fd00:ec2::254"
            | "100.100.100.200"
            | "169.254.170.2"
            | "169.254.170.23"
            | "192.0.0.192"
            | "instance-data"
            | "instance-data.ec2.internal"
            | "metadata.azure.internal"
            | "metadata.azure.com"
            | "metadata.tencentyun.com"
            | "metadata.platformequinix.com"
            | "fd00:ec2::23"
    ) {
        return true;
    }
    host.starts_with("169.254.169.254.") || address(host) == Some([169, 254, 169, 254])
}

/// Whether a host is this machine.
pub(crate) fn is_local(host: &str) -> bool {
    host == "localhost"
        || host == "::1"
        || host == "0.0.0.0"
        || address(host).is_some_and(|address| address[0] == 127)
}

/// Whether a token of this name was given for `host`, as names go: `$GITHUB_TOKEN` for `api.github.com`. A name that says of no
/// service what it is for is taken to be meant for where it goes.
pub(crate) fn takes_token(variable: &str, host: &str) -> bool {
    const ISSUERS: &[(&str, &[&str])] = &[
        ("GITHUB", &["github"]),
        ("GH_", &["github"]),
        ("GITLAB", &["gitlab"]),
        ("OPENAI", &["openai"]),
        ("ANTHROPIC", &["anthropic"]),
        ("AWS", &["amazonaws", "aws"]),
        ("AZURE", &["azure", "microsoft", "windows.net"]),
        ("GOOGLE", &["google"]),
        ("GEMINI", &["google"]),
        ("GCP", &["google"]),
        ("SLACK", &["slack"]),
        ("STRIPE", &["stripe"]),
        ("NPM", &["npm"]),
        ("DISCORD", &["discord"]),
        ("TELEGRAM", &["telegram"]),
        ("CLOUDFLARE", &["cloudflare"]),
        ("DIGITALOCEAN", &["digitalocean"]),
        ("HEROKU", &["heroku"]),
        ("SENTRY", &["sentry"]),
        ("HF_", &["huggingface", "hf.co"]),
        ("HUGGING", &["huggingface"]),
        ("DOCKER", &["docker"]),
        ("VERCEL", &["vercel"]),
        ("NOTION", &["notion"]),
        ("LINEAR", &["linear"]),
    ];
    if is_local(host) || host.is_empty() {
        return true;
    }
    let variable = variable.trim_start_matches(['$', '{']);
    ISSUERS
        .iter()
        .find(|(mark, _)| variable.starts_with(mark))
        // An enterprise's own host of the service has its name in it as a rule; behind a variable nobody can tell.
        .is_none_or(|(_, hosts)| host.contains('$') || hosts.iter().any(|part| host.contains(part)))
}

/// An IPv4 address, also written as one number (`2852039166`, `0xa9fea9fe`) or with octal or hexadecimal parts.
fn address(host: &str) -> Option<[u8; 4]> {
    if host.contains(':') {
        // `::ffff:169.254.169.254` and `::ffff:a9fe:a9fe`.
        return host.parse::<std::net::Ipv6Addr>().ok().and_then(|address| {
            // Mapped, compatible (`::a.b.c.d`) and translated (`64:ff9b::a.b.c.d`, RFC 6052) addresses.
            let parts = address.segments();
            let [.., a, b, c, d] = address.octets();
            (parts[..5] == [0; 5] && matches!(parts[5], 0 | 0xffff)
                || parts[..6] == [0x64, 0xff9b, 0, 0, 0, 0])
            .then_some([a, b, c, d])
        });
    }
    let number = |text: &str| -> Option<u32> {
        if let Some(hex) = text.strip_prefix("0x") {
            u32::from_str_radix(hex, 16).ok()
        } else if text.len() > 1 && text.starts_with('0') {
            u32::from_str_radix(&text[1..], 8).ok()
        } else {
            text.parse().ok()
        }
    };
    let parts: Option<Vec<u32>> = host.split('.').map(number).collect();
    match parts?.as_slice() {
        [one] => Some(one.to_be_bytes()),
        // `169.16689662` and `169.254.43518`: the last part fills what is left.
        [a, rest] if *rest < 1 << 24 => {
            let [_, b, c, d] = rest.to_be_bytes();
            Some([u8::try_from(*a).ok()?, b, c, d])
        }
        [a, b, rest] => {
            let [c, d] = u16::try_from(*rest).ok()?.to_be_bytes();
            Some([u8::try_from(*a).ok()?, u8::try_from(*b).ok()?, c, d])
        }
        [a, b, c, d] => Some([
            u8::try_from(*a).ok()?,
            u8::try_from(*b).ok()?,
            u8::try_from(*c).ok()?,
            u8::try_from(*d).ok()?,
        ]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_metadata_address_in_every_spelling() {
        for url in [
            "http://169.254.169.254/latest",
            "http://2852039166/",
            "http://0xa9fea9fe",
            "http://[::ffff:169.254.169.254]/",
            "http://[::ffff:a9fe:a9fe]/",
            "http://169.254.169.254.nip.io/",
            "http://169.16689662/",
            "http://169.254.43518/",
            "http://0251.0376.0251.0376/",
            "http://0XA9.0xFE.0xa9.0xfe/",
            "http://[::169.254.169.254]/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://user@169.254.169.254:80/x",
            "metadata.google.internal/computeMetadata",
        ] {
            assert!(is_metadata(&of_url(url)), "{url}");
        }
        for url in [
            "http://example.com",
            "http://169.254.1.1",
            "http://127.0.0.1",
            "http://169.254.169",
            "http://[2001:db8::a9fe:a9fe]/",
        ] {
            assert!(!is_metadata(&of_url(url)), "{url}");
        }
    }
}
