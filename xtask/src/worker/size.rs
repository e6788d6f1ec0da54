//! How large the bundle is, and how large it may be; counted as wrangler counts, so that both say the same.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::tools::Tools;

/// The largest bundle, gzipped, in bytes. Cloudflare takes 3 MiB on its free plan and 10 MiB on the paid one; less starts sooner.
pub(crate) const MAX_BUNDLE_GZIP: u64 = 1 << 20;

/// Packs standard input as `wrangler deploy` does to say what it uploads, and tells the size.
const COUNT: &str = "const packed = require('node:zlib').gzipSync(require('node:fs').readFileSync(0)); \
     console.log(packed.byteLength)";

/// The bundle, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Each file with its size.
    files: Vec<(String, u64)>,
    /// All of them gzipped together.
    gzip: u64,
}

impl Sizes {
    /// Of the files `names` in `dir`, in the order in which they are uploaded.
    ///
    /// # Errors
    /// When one cannot be read, or Node.js not be asked.
    pub(crate) fn of(tools: &Tools, dir: &Path, names: &[&str]) -> Result<Self> {
        let (mut files, mut whole) = (Vec::new(), Vec::new());
        for name in names {
            let file = dir.join(name);
            let bytes = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
            files.push(((*name).to_owned(), u64::try_from(bytes.len())?));
            whole.extend(bytes);
        }
        let told = tools.evaluate(COUNT, &whole)?;
        let gzip = told.trim().parse();
        let gzip = gzip.with_context(|| format!("Node.js told `{told}` for a size"))?;
        Ok(Self { files, gzip })
    }

    /// The whole bundle, not compressed.
    pub(crate) fn raw(&self) -> u64 {
        self.files.iter().map(|(_, raw)| raw).sum()
    }

    /// The whole bundle, gzipped.
    pub(crate) fn gzip(&self) -> u64 {
        self.gzip
    }

    /// That it is within the limit.
    ///
    /// # Errors
    /// When it is over [`MAX_BUNDLE_GZIP`].
    pub(crate) fn check(&self) -> Result<()> {
        ensure!(
            self.gzip <= MAX_BUNDLE_GZIP,
            "the bundle has {} bytes gzipped, over its limit MAX_BUNDLE_GZIP of {MAX_BUNDLE_GZIP}:\n{self}\
             `cargo tree -p edge-worker --target wasm32-unknown-unknown` tells what is in it",
            self.gzip
        );
        Ok(())
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, raw) in &self.files {
            writeln!(f, "   {name:<16} {raw:>9} bytes")?;
        }
        let free = MAX_BUNDLE_GZIP.saturating_sub(self.gzip);
        let (raw, gzip) = (self.raw(), self.gzip);
        writeln!(
            f,
            "   together         {raw:>9} bytes, {gzip:>8} gzipped, {free:>8} below the limit"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(gzip: u64) -> Sizes {
        Sizes {
            files: vec![("a".to_owned(), 9), ("b".to_owned(), 3 << 20)],
            gzip,
        }
    }

    #[test]
    fn the_bundle_may_be_as_large_as_its_limit_and_no_larger() {
        sizes(MAX_BUNDLE_GZIP).check().unwrap();
        let error = sizes(MAX_BUNDLE_GZIP + 1).check().unwrap_err().to_string();
        assert!(error.contains("MAX_BUNDLE_GZIP of 1048576"), "{error}");
        assert!(error.contains("1048577 bytes gzipped"), "{error}");
    }

    #[test]
    fn sizes_are_those_of_the_files_packed_together() {
        let dir = tempfile::tempdir().unwrap();
        let noise: Vec<u8> = (0..20_000_u32)
            .map(|n| (n.wrapping_mul(0x9e37_79b9) >> 24) as u8)
            .collect();
        fs::write(dir.path().join("a"), &noise).unwrap();
        fs::write(dir.path().join("b"), &noise).unwrap();
        let tools = Tools::ensure().unwrap();
        let one = Sizes::of(&tools, dir.path(), &["a"]).unwrap();
        let both = Sizes::of(&tools, dir.path(), &["a", "b"]).unwrap();
        assert_eq!(both.raw(), 40_000);
        assert!(both.gzip() > one.gzip());
        assert!(
            both.gzip() < 2 * one.gzip(),
            "the second repeats the first: {one} {both}"
        );
        assert!(Sizes::of(&tools, dir.path(), &["c"]).is_err());
    }
}
