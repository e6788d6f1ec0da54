//! `worker-files DIR`: writes what the Worker's host serves by itself into `DIR`, and which headers go with it.
//!
//! **In scope.** The edge's own list of files, in the form in which Workers static assets take it. It is a crate of its own
//! because it links the edge, and `xtask` works from outside. **Out of scope.** What is in the list (`edge-core`,
//! `dashboard`), everything before and behind it (`xtask`).

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use edge_core::{File, files};

/// The rules that Cloudflare takes in `_headers`.
const MAX_RULES: usize = 100;

fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(dir), None) = (args.next(), args.next()) else {
        anyhow::bail!("usage: worker-files DIR");
    };
    let files = files();
    for file in &files {
        let to = dir.join(file.path.trim_start_matches('/'));
        let parent = to.parent().unwrap_or(&dir);
        fs::create_dir_all(parent)?;
        fs::write(&to, file.body).with_context(|| format!("writing {}", to.display()))?;
    }
    fs::write(dir.join("_headers"), headers(&files)?)?;
    Ok(())
}

/// The headers of each file, as `_headers` has them.
fn headers(files: &[File]) -> Result<String> {
    let ruled = || files.iter().filter(|file| !file.headers.is_empty());
    ensure!(
        ruled().count() <= MAX_RULES,
        "{} files have headers, and Cloudflare takes {MAX_RULES} rules: let some share a rule",
        ruled().count()
    );
    let mut text = String::new();
    for file in ruled() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", file.path);
        for (name, value) in &file.headers {
            let _ = writeln!(text, "  {name}: {value}");
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> File {
        File {
            path: path.to_owned(),
            headers: vec![("content-type", "text/css"), ("x-frame-options", "DENY")],
            body: "",
        }
    }

    #[test]
    fn each_file_has_its_headers() {
        let plain = File {
            headers: Vec::new(),
            ..file("/c")
        };
        let text = headers(&[file("/a.css"), plain, file("/b.css")]).unwrap();
        let rule = |path| format!("{path}\n  content-type: text/css\n  x-frame-options: DENY\n");
        assert_eq!(text, rule("/a.css") + &rule("/b.css"));
    }

    #[test]
    fn more_rules_than_cloudflare_takes_are_refused() {
        let files: Vec<_> = (0..=MAX_RULES).map(|n| file(&format!("/{n}"))).collect();
        let error = headers(&files).unwrap_err().to_string();
        assert!(error.contains("takes 100 rules"), "{error}");
        headers(&files[1..]).unwrap();
    }
}
