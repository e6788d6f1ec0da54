//! The rules of this machine's conscience: the packs that the configuration names and the operator's own files.
//!
//! What the files may say is crate `conscience`'s business; here they are read, within bounds. Whatever is wrong with them
//! is told, and the built-in rules are in force all the same.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use conscience::{Conscience, Packs, PolicyFile};
use nix::fcntl::OFlag;
use smoltbot_config::Config;

/// How many entries of the directory are looked at; one that has more is not the conscience's.
const MAX_ENTRIES: usize = 1_000;
/// How many files of one sort are read.
const MAX_FILES: usize = 64;
/// How long one file may be, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// How the names of policy files end.
pub(crate) const POLICIES: &str = ".cedar";

/// The conscience of this home, and what is wrong with the operator's files.
pub(crate) fn conscience(config: &Config) -> (Conscience, Vec<String>) {
    let (packs, mut complaints) = packs(config);
    let (files, wrong) = read(&config.home.conscience_dir(), POLICIES);
    complaints.extend(wrong);
    let (conscience, errors) = Conscience::builder().packs(packs).user(files).build();
    complaints.extend(errors.iter().map(ToString::to_string));
    (conscience, complaints)
}

/// The packs that are on.
pub(crate) fn packs(config: &Config) -> (Packs, Vec<String>) {
    match config.conscience.packs.as_ref().map(Packs::parse) {
        None => (Packs::default(), Vec::new()),
        Some(Ok(packs)) => (packs, Vec::new()),
        Some(Err(error)) => {
            let what = format!("conscience.packs: {error}; the packs that are on by default are");
            (Packs::default(), vec![what])
        }
    }
}

/// The files of `dir` whose names end so, by name, and what cannot be read. None where there is no such directory.
pub(crate) fn read(dir: &Path, ending: &str) -> (Vec<PolicyFile>, Vec<String>) {
    let mut paths = match list(dir, ending) {
        Ok(paths) => paths,
        Err(what) => {
            let what = format!(
                "{}: {what}; no file of it is in force, the built-in rules are",
                dir.display()
            );
            return (Vec::new(), vec![what]);
        }
    };
    paths.sort();
    let mut files = Vec::new();
    let mut complaints = Vec::new();
    for path in paths {
        let name = path.display().to_string();
        match text(&path) {
            Ok(text) => files.push(PolicyFile { name, text }),
            Err(what) => complaints.push(format!("{name}: {what}; the other rules are in force")),
        }
    }
    (files, complaints)
}

fn list(dir: &Path, ending: &str) -> Result<Vec<PathBuf>, String> {
    let is_directory = match fs::symlink_metadata(dir) {
        Ok(metadata) => metadata.is_dir(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.to_string()),
    };
    if !is_directory {
        // A link could lead anywhere, to `/` for one, and whoever owns its end would write the rules.
        return Err(
            "is no directory of its own: put one there, with the policy files in it".to_owned(),
        );
    }
    let mut paths = Vec::new();
    for (index, entry) in fs::read_dir(dir)
        .map_err(|error| error.to_string())?
        .enumerate()
    {
        if index == MAX_ENTRIES {
            return Err(format!(
                "holds more than {MAX_ENTRIES} entries: keep policies and their tests there, nothing else"
            ));
        }
        let entry = entry.map_err(|error| error.to_string())?;
        if entry
            .file_name()
            .as_encoded_bytes()
            .ends_with(ending.as_bytes())
        {
            paths.push(entry.path());
        }
    }
    if paths.len() > MAX_FILES {
        return Err(format!(
            "holds {} files *{ending}, at most {MAX_FILES} are read: put several policies into one file",
            paths.len()
        ));
    }
    Ok(paths)
}

/// The text of a plain file. Nothing that waits (a pipe) is opened for long, and no link is followed.
fn text(path: &Path) -> Result<String, String> {
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(path);
    let file = match file {
        Ok(file) if file.metadata().is_ok_and(|metadata| metadata.is_file()) => file,
        Ok(_) => return Err("is no plain file".to_owned()),
        Err(error) if error.raw_os_error() == Some(nix::errno::Errno::ELOOP as i32) => {
            return Err("is a symbolic link: copy the file itself there".to_owned());
        }
        Err(error) => return Err(error.to_string()),
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!(
            "is longer than {MAX_FILE_BYTES} bytes: split it into several"
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.split(|byte| *byte == b'\n').count();
        format!("line {line} is not UTF-8: save the file as UTF-8")
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_configuration_and_the_conscience_know_the_same_packs() {
        assert_eq!(
            smoltbot_config::PACKS,
            conscience::Pack::ALL.map(conscience::Pack::as_str)
        );
    }

    #[test]
    fn files_are_read_by_name_within_bounds() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        fs::write(at("b.cedar"), "b").expect("written");
        fs::write(at("a.cedar"), "a").expect("written");
        fs::write(at("a.test.tsv"), "no policy").expect("written");
        fs::write(at("long.cedar"), vec![b' '; 256 * 1024 + 1]).expect("written");
        fs::write(at("odd.cedar"), b"//\n\xff").expect("written");
        fs::create_dir(at("dir.cedar")).expect("made");
        symlink(at("a.cedar"), at("link.cedar")).expect("linked");
        nix::unistd::mkfifo(&at("pipe.cedar"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        let (files, complaints) = read(dir.path(), POLICIES);
        let texts: Vec<&str> = files.iter().map(|file| file.text.as_str()).collect();
        assert_eq!(texts, ["a", "b"]);
        let wrong = [
            ("dir.cedar", "no plain file"),
            ("link.cedar", "symbolic link"),
            ("long.cedar", "262144 bytes"),
            ("odd.cedar", "line 2 is not UTF-8"),
            ("pipe.cedar", "no plain file"),
        ];
        assert_eq!(complaints.len(), wrong.len(), "{complaints:?}");
        for (complaint, (name, what)) in complaints.iter().zip(wrong) {
            assert!(
                complaint.contains(name) && complaint.contains(what),
                "{complaint}"
            );
        }
    }

    #[test]
    fn a_directory_that_cannot_be_ours_is_refused_as_a_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(
            read(&dir.path().join("none"), POLICIES),
            (Vec::new(), Vec::new())
        );
        symlink("/", dir.path().join("root")).expect("linked");
        for entry in 0..=MAX_FILES {
            fs::write(dir.path().join(format!("{entry}.cedar")), "").expect("written");
        }
        for (path, what) in [
            (dir.path().join("root"), "no directory of its own"),
            (dir.path().join("0.cedar"), "no directory of its own"),
            (dir.path().to_owned(), "65 files *.cedar"),
        ] {
            let (files, complaints) = read(&path, POLICIES);
            assert_eq!(files, []);
            assert!(complaints[0].contains(what), "{complaints:?}");
        }
        for entry in 0..=MAX_ENTRIES {
            fs::write(dir.path().join(format!("{entry}.txt")), "").expect("written");
        }
        let (_, complaints) = read(dir.path(), POLICIES);
        assert!(complaints[0].contains("1000 entries"), "{complaints:?}");
    }
}
