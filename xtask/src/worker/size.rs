//! How large the bundle is, and how large it may be.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;

/// The largest bundle, gzipped, in bytes. Cloudflare takes 3 MiB on its free plan and 10 MiB on the paid one; less starts sooner.
pub(crate) const MAX_BUNDLE_GZIP: u64 = 1 << 20;

/// One file of the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sized {
    name: String,
    raw: u64,
    gzip: u64,
}

/// The bundle, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sizes(Vec<Sized>);

impl Sizes {
    /// Of the files `names` in `dir`.
    pub(crate) fn of(dir: &Path, names: &[&str]) -> Result<Self> {
        let one = |name: &&str| {
            let file = dir.join(name);
            let bytes = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
            let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
            gzip.write_all(&bytes)?;
            Ok(Sized {
                name: (*name).to_owned(),
                raw: u64::try_from(bytes.len())?,
                gzip: u64::try_from(gzip.finish()?.len())?,
            })
        };
        names.iter().map(one).collect::<Result<_>>().map(Self)
    }

    /// The whole bundle, not compressed.
    pub(crate) fn raw(&self) -> u64 {
        self.0.iter().map(|file| file.raw).sum()
    }

    /// The whole bundle, gzipped.
    pub(crate) fn gzip(&self) -> u64 {
        self.0.iter().map(|file| file.gzip).sum()
    }

    /// That it is within the limit.
    ///
    /// # Errors
    /// When it is over [`MAX_BUNDLE_GZIP`].
    pub(crate) fn check(&self) -> Result<()> {
        ensure!(
            self.gzip() <= MAX_BUNDLE_GZIP,
            "the bundle has {} bytes gzipped, over its limit MAX_BUNDLE_GZIP of {MAX_BUNDLE_GZIP}:\n{self}\
             `cargo tree -p edge-worker --target wasm32-unknown-unknown` tells what is in it",
            self.gzip()
        );
        Ok(())
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line =
            |name: &str, raw, gzip| writeln!(f, "   {name:<16} {raw:>9} bytes, {gzip:>8} gzipped");
        for file in &self.0 {
            line(&file.name, file.raw, file.gzip)?;
        }
        line("together", self.raw(), self.gzip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(gzip: u64) -> Sizes {
        Sizes(vec![
            Sized {
                name: "a".to_owned(),
                raw: 9,
                gzip: 7,
            },
            Sized {
                name: "b".to_owned(),
                raw: 3 << 20,
                gzip: gzip - 7,
            },
        ])
    }

    #[test]
    fn the_bundle_may_be_as_large_as_its_limit_and_no_larger() {
        sizes(MAX_BUNDLE_GZIP).check().unwrap();
        let error = sizes(MAX_BUNDLE_GZIP + 1).check().unwrap_err().to_string();
        assert!(error.contains("MAX_BUNDLE_GZIP of 1048576"), "{error}");
        assert!(error.contains("1048577 bytes gzipped"), "{error}");
    }

    #[test]
    fn sizes_are_those_of_the_files() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), vec![0; 100_000]).unwrap();
        fs::write(dir.path().join("b"), b"xyz").unwrap();
        let sizes = Sizes::of(dir.path(), &["a", "b"]).unwrap();
        assert_eq!(sizes.raw(), 100_003);
        assert!((20..1_000).contains(&sizes.gzip()), "{sizes}");
        assert!(Sizes::of(dir.path(), &["c"]).is_err());
    }
}
