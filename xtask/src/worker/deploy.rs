//! `cargo xtask worker deploy`.

use std::ffi::OsString;

use anyhow::{Result, bail, ensure};

use super::tools::Tools;
use super::{DeployArgs, build, config};

/// What wrangler needs to be let in.
const CREDENTIALS: [&str; 2] = ["CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID"];

/// Builds the Worker and deploys it.
pub(crate) fn run(args: &DeployArgs) -> Result<()> {
    if !args.dry_run {
        credentials(|name| std::env::var_os(name))?;
        let open = config::placeholders(&config::read()?, &args.env);
        ensure!(
            open.is_empty(),
            "edge-worker/worker/wrangler.jsonc still holds {}; put the ids there that `wrangler hyperdrive create` printed",
            open.join(" and ")
        );
    }
    eprint!("{}", build::build()?);
    let mut line = Tools::ensure()?
        .wrangler()
        .args(["deploy", "--env", &args.env]);
    if args.dry_run {
        line = line.arg("--dry-run");
    }
    line.run()
}

fn credentials(var: impl Fn(&str) -> Option<OsString>) -> Result<()> {
    let set = |name: &&&str| var(name).is_some_and(|value| !value.is_empty());
    let missing: Vec<&str> = CREDENTIALS
        .iter()
        .filter(|name| !set(name))
        .copied()
        .collect();
    if !missing.is_empty() {
        bail!(
            "{} must be set to deploy (edge-worker/worker/README.md says how to get them); \
             `--dry-run` does everything but upload",
            missing.join(" and ")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_that_are_missing_are_named() {
        let error = credentials(|_| None).unwrap_err().to_string();
        assert!(
            error.starts_with("CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID must"),
            "{error}"
        );
        let only_token = |name: &str| (name == "CLOUDFLARE_API_TOKEN").then(|| "x".into());
        let error = credentials(only_token).unwrap_err().to_string();
        assert!(error.starts_with("CLOUDFLARE_ACCOUNT_ID must"), "{error}");
        credentials(|_| Some("x".into())).unwrap();
        assert!(credentials(|_| Some(OsString::new())).is_err());
    }
}
