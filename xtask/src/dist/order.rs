//! What was needed, by name, in the order in which it was needed.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

/// Where the linker has put each piece of code and each constant.
pub(super) struct Map {
    /// By address, none in another.
    sections: Vec<Section>,
}

struct Section {
    at: Range<u64>,
    name: String,
}

/// Names for a linker, the first that was needed first.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Order {
    /// Of functions, by their symbols.
    pub(super) functions: Vec<String>,
    /// Of constants, by their sections: most have no symbol.
    pub(super) constants: Vec<String>,
}

impl Map {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path);
        Self::of(&text.with_context(|| format!("could not read {}", path.display()))?)
    }

    /// Reads what LLVM's linker writes: a line for each piece, with its address, its size and `FILE:(SECTION)`.
    fn of(text: &str) -> Result<Self> {
        let mut sections: Vec<_> = text.lines().filter_map(section).collect();
        ensure!(
            !sections.is_empty(),
            "the linker's map has no sections: is it LLVM's linker that links?"
        );
        sections.sort_by_key(|section| section.at.start);
        Ok(Self { sections })
    }

    /// From the first address to behind the last.
    pub(super) fn range(&self) -> Range<u64> {
        let first = self.sections.first().map_or(0, |first| first.at.start);
        let ends = self.sections.iter().map(|section| section.at.end);
        first..ends.max().unwrap_or(first)
    }

    /// What lies at these addresses.
    pub(super) fn order(&self, touched: &[u64]) -> Order {
        let mut order = Order::default();
        let mut seen = HashSet::new();
        for &address in touched {
            let behind = self
                .sections
                .partition_point(|section| section.at.start <= address);
            let Some(section) = behind.checked_sub(1).map(|at| &self.sections[at]) else {
                continue;
            };
            if !section.at.contains(&address) || !seen.insert(&section.name) {
                continue;
            }
            if let Some(function) = section.name.strip_prefix(".text.") {
                order.functions.push(symbol(function).to_owned());
            } else if is_one_constant(&section.name) {
                order.constants.push(section.name.clone());
            }
        }
        order
    }
}

/// The symbol of a function's section, whose name may say how likely it was thought to run.
fn symbol(section: &str) -> &str {
    ["unlikely.", "hot.", "startup."]
        .iter()
        .find_map(|guess| section.strip_prefix(guess))
        .unwrap_or(section)
}

fn section(line: &str) -> Option<Section> {
    let (place, name) = line.split_once(":(")?;
    let name = name.strip_suffix(')')?;
    let mut columns = place.split_whitespace();
    let start = u64::from_str_radix(columns.next()?, 16).ok()?;
    let size = u64::from_str_radix(columns.nth(1)?, 16).ok()?;
    (size > 0).then(|| Section {
        at: start..start + size,
        name: name.to_owned(),
    })
}

/// Whether a section is a constant's alone, and has a name that a linker script takes between quotation marks.
fn is_one_constant(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._$".contains(&byte);
    // The linker makes one of all equal constants and texts of a kind; these kinds are not constants' names.
    let merged = [".rodata.cst", ".rodata.str"];
    name.starts_with(".rodata.")
        && !merged.iter().any(|kind| name.starts_with(kind))
        && name.bytes().all(plain)
}

impl Order {
    /// A linker script that puts the constants before all others.
    pub(super) fn script(&self) -> String {
        let mut script = "SECTIONS {\n  .rodata.daily : {\n".to_owned();
        for name in &self.constants {
            // Writing to a String does not fail.
            let _ = writeln!(script, "    *(\"{name}\")");
        }
        script.push_str("  }\n} INSERT BEFORE .rodata;\n");
        script
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "             VMA              LMA     Size Align Out     In      Symbol
          200000           200000      300    16 .rodata
          200000           200000      100    16         /a/smoltbot.o:(.rodata..Lanon.1f.2)
          200000           200000        0     1                 a symbol
          200100           200100       80    16         /a/smoltbot.o:(.rodata.cst16)
          200180           200180       10    16         /a/lib.a(sqlite3.o):(.rodata.sqlite3CtypeMap)
          300000           300000       40    16 .text
          300000           300000       20    16         /a/smoltbot.o:(.text._RNvCs_4main)
          300020           300020       20    16         /a/smoltbot.o:(.text.unlikely.other)
";

    #[test]
    fn tells_what_lies_where() {
        let map = Map::of(MAP).unwrap();
        assert_eq!(map.range(), 0x0020_0000..0x0030_0040);
        let order = map.order(&[
            0x0030_0021,
            0x0020_0185,
            0x0020_0105,
            0x0020_01ff,
            0x0030_003f,
            0x0020_00ff,
            0x1000,
            0x0040_0000,
        ]);
        assert_eq!(order.functions, ["other"]);
        assert_eq!(
            order.constants,
            [".rodata.sqlite3CtypeMap", ".rodata..Lanon.1f.2"]
        );
        assert_eq!(
            order.script(),
            "SECTIONS {\n  .rodata.daily : {\n    *(\".rodata.sqlite3CtypeMap\")\n    *(\".rodata..Lanon.1f.2\")\n  }\n} INSERT \
             BEFORE .rodata;\n"
        );
    }

    #[test]
    fn another_linkers_map_is_told() {
        let told = Map::of("Memory map\n .text 0x200000").err().unwrap();
        assert!(told.to_string().contains("LLVM's linker"), "{told}");
    }
}
