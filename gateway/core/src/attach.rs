//! What people attach to a message: pictures, which the model is shown, and texts, which it reads.
//!
//! **In scope.** From base64 to parts of a message, whichever way it came: what it is, is told by its bytes, never by its name or by what
//! is said of it. **Out of scope.** How each wire says it: `protocol`, `http`. What the model's provider takes: `model`.

use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, Engine as _, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_STANDARD;

use crate::limits::{
    MAX_ATTACHED_BYTES, MAX_ATTACHED_NAME_CHARS, MAX_ATTACHED_TEXT_BYTES, MAX_ATTACHMENTS,
    MAX_PICTURE_BYTES,
};
use crate::model::Part;

mod picture;

use picture::Picture;
pub(crate) use picture::tokens;

/// Base64 with or without its padding: clients write both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Something attached, as it came.
#[derive(Debug, Default)]
pub(crate) struct Attachment<'a> {
    /// The file's name.
    pub(crate) name: Option<&'a str>,
    /// What its sender takes it for; told where it is something else.
    pub(crate) media_type: Option<&'a str>,
    /// Its bytes in base64, as they are or as a `data:` URL.
    pub(crate) content: &'a str,
}

/// Why something attached is not taken. Nothing of the message is then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotTaken {
    #[error("there are {0} attachments, at most {MAX_ATTACHMENTS} are taken with one message")]
    TooMany(usize),
    #[error(
        "the attachments have more than {MAX_ATTACHED_BYTES} bytes together: put large files into the workspace"
    )]
    TooMuch,
    #[error("{0} is not base64")]
    NotBase64(String),
    #[error("{0} is empty")]
    Empty(String),
    #[error("{name} has {bytes} bytes, a picture has at most {MAX_PICTURE_BYTES}: make it smaller")]
    LargePicture { name: String, bytes: usize },
    #[error(
        "{name} has {bytes} bytes, a text has at most {MAX_ATTACHED_TEXT_BYTES}: put it into the workspace and name it there"
    )]
    LongText { name: String, bytes: usize },
    #[error("{name} is no whole PNG, JPEG, GIF or WebP{said}: other pictures are not taken")]
    NoPicture { name: String, said: String },
    #[error(
        "{name} is neither a picture (PNG, JPEG, GIF, WebP) nor a text in UTF-8{said}: put it into the workspace and name it there"
    )]
    Neither { name: String, said: String },
}

/// The parts of a message that `all` come to, in their order.
pub(crate) fn parts(all: &[Attachment<'_>]) -> Result<Vec<Part>, NotTaken> {
    if all.len() > MAX_ATTACHMENTS {
        return Err(NotTaken::TooMany(all.len()));
    }
    let mut bytes = 0;
    let mut parts = Vec::with_capacity(all.len());
    for (at, attachment) in all.iter().enumerate() {
        let name = named(attachment.name, at);
        let content =
            decoded(attachment.content).ok_or_else(|| NotTaken::NotBase64(name.clone()))?;
        bytes += content.len();
        if bytes > MAX_ATTACHED_BYTES {
            return Err(NotTaken::TooMuch);
        }
        parts.push(part(&name, attachment.media_type, content)?);
    }
    Ok(parts)
}

/// A picture in a `data:` URL.
pub(crate) fn picture(url: &str, name: &str) -> Result<Part, NotTaken> {
    let content = decoded(url).ok_or_else(|| NotTaken::NotBase64(name.to_owned()))?;
    let said = media_type_of(url).filter(|said| said.starts_with("image/"));
    part(name, said.or(Some("image/*")), content)
}

fn part(name: &str, said: Option<&str>, content: Vec<u8>) -> Result<Part, NotTaken> {
    let (name, bytes) = (name.to_owned(), content.len());
    if bytes == 0 {
        return Err(NotTaken::Empty(name));
    }
    if let Some(picture) = Picture::of(&content) {
        if bytes > MAX_PICTURE_BYTES {
            return Err(NotTaken::LargePicture { name, bytes });
        }
        return Ok(Part::Image {
            media_type: picture.media_type.to_owned(),
            data: BASE64_STANDARD.encode(&content),
        });
    }
    let told = said.map_or_else(String::new, |said| {
        format!(", though it is said to be {}", plain(said))
    });
    if said.is_some_and(|said| said.starts_with("image/")) {
        return Err(NotTaken::NoPicture { name, said: told });
    }
    let Some(text) = String::from_utf8(content).ok().filter(|text| is_text(text)) else {
        return Err(NotTaken::Neither { name, said: told });
    };
    if bytes > MAX_ATTACHED_TEXT_BYTES {
        return Err(NotTaken::LongText { name, bytes });
    }
    Ok(Part::Text {
        text: inlined(&name, &text),
    })
}

/// A text with its name, between fences that it does not have itself.
fn inlined(name: &str, text: &str) -> String {
    let runs = text.split(|c| c != '`').map(str::len);
    let fence = "`".repeat(runs.max().unwrap_or_default().max(2) + 1);
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("[Attached file: {name}]\n{fence}\n{text}{end}{fence}")
}

/// Control characters other than those of lines and tabs are in no text that somebody reads.
fn is_text(text: &str) -> bool {
    !text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
}

/// The bytes of base64, which may be broken into lines or stand in a `data:` URL.
fn decoded(content: &str) -> Option<Vec<u8>> {
    let content = match content.trim().strip_prefix("data:") {
        Some(url) => url.split_once(";base64,")?.1,
        None => content.trim(),
    };
    if content.bytes().any(|byte| byte.is_ascii_whitespace()) {
        let joined: String = content.split_ascii_whitespace().collect();
        return BASE64.decode(joined).ok();
    }
    BASE64.decode(content).ok()
}

fn media_type_of(url: &str) -> Option<&str> {
    url.trim().strip_prefix("data:")?.split([';', ',']).next()
}

/// The name that an attachment is told by: its file's, or its place among all.
fn named(name: Option<&str>, at: usize) -> String {
    let name = name.map(plain).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| format!("attachment {}", at + 1))
}

/// A name on one line.
fn plain(name: &str) -> String {
    let shown = name.trim().chars().filter(|c| !c.is_control());
    shown.take(MAX_ATTACHED_NAME_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::picture::tests::{GIF, JPEG, PNG, WEBP};
    use super::*;

    fn one(name: &str, media_type: &str, bytes: &[u8]) -> Result<Part, NotTaken> {
        let content = BASE64_STANDARD.encode(bytes);
        let attachment = Attachment {
            name: Some(name),
            media_type: Some(media_type),
            content: &content,
        };
        parts(&[attachment]).map(|mut parts| parts.remove(0))
    }

    #[test]
    fn bytes_tell_what_something_is() {
        for (bytes, expected) in [
            (PNG, "image/png"),
            (JPEG, "image/jpeg"),
            (GIF, "image/gif"),
            (WEBP, "image/webp"),
        ] {
            for said in [expected, "image/heic", "text/plain", ""] {
                let Ok(Part::Image { media_type, data }) = one("x", said, bytes) else {
                    panic!("{expected} is taken, also as {said}");
                };
                assert_eq!(media_type, expected);
                assert_eq!(BASE64_STANDARD.decode(data).unwrap(), bytes);
            }
        }
        let text = one("notes.md", "text/markdown", "# h\u{e4}\n".as_bytes());
        assert_eq!(
            text,
            Ok(Part::Text {
                text: "[Attached file: notes.md]\n```\n# h\u{e4}\n```".to_owned()
            })
        );
        let fenced = one("a\nb", "", b"```").unwrap();
        assert_eq!(
            fenced,
            Part::Text {
                text: "[Attached file: ab]\n````\n```\n````".to_owned()
            }
        );
        let ticks = "`".repeat(MAX_ATTACHED_TEXT_BYTES);
        assert_eq!(
            inlined("t", &ticks),
            format!("[Attached file: t]\n{ticks}`\n{ticks}\n{ticks}`")
        );
    }

    #[test]
    fn what_is_not_taken_is_told_by_its_name() {
        for (name, said, bytes, expected) in [
            (
                "a.pdf",
                "application/pdf",
                &b"%PDF-1.7\n\xe2\xe3"[..],
                "a.pdf is neither a picture",
            ),
            (
                "a.zip",
                "application/zip",
                b"PK\x03\x04",
                "said to be application/zip",
            ),
            ("a.svg", "image/svg+xml", b"<svg/>", "a.svg is no whole PNG"),
            (
                "cut.png",
                "image/png",
                &PNG[..20],
                "cut.png is no whole PNG",
            ),
            ("none.txt", "text/plain", b"", "none.txt is empty"),
            ("", "", b"\0", "attachment 1 is neither"),
        ] {
            let told = one(name, said, bytes).unwrap_err().to_string();
            assert!(told.contains(expected), "{told}");
        }
        let odd = Attachment {
            content: "no base64!",
            ..Attachment::default()
        };
        assert_eq!(
            parts(&[odd]),
            Err(NotTaken::NotBase64("attachment 1".to_owned()))
        );
    }

    #[test]
    fn every_limit_holds() {
        let text = "x".repeat(MAX_ATTACHED_TEXT_BYTES);
        assert!(one("t", "", text.as_bytes()).is_ok());
        let long = one("t", "", format!("{text}x").as_bytes());
        assert!(matches!(long, Err(NotTaken::LongText { .. })));

        let mut picture = GIF.to_vec();
        picture.resize(MAX_PICTURE_BYTES, 0);
        assert!(one("p", "", &picture).is_ok());
        let content = BASE64_STANDARD.encode(&picture);
        let attachment = || Attachment {
            content: &content,
            ..Attachment::default()
        };
        let all = MAX_ATTACHED_BYTES / MAX_PICTURE_BYTES;
        let full: Vec<_> = (0..all).map(|_| attachment()).collect();
        assert_eq!(parts(&full).unwrap().len(), all);
        let over: Vec<_> = (0..=all).map(|_| attachment()).collect();
        assert_eq!(parts(&over), Err(NotTaken::TooMuch));
        picture.push(0);
        assert!(matches!(
            one("p", "", &picture),
            Err(NotTaken::LargePicture { .. })
        ));

        let small = BASE64_STANDARD.encode(GIF);
        let many = |count| -> Vec<_> {
            let one = || Attachment {
                content: &small,
                ..Attachment::default()
            };
            (0..count).map(|_| one()).collect()
        };
        assert_eq!(
            parts(&many(MAX_ATTACHMENTS)).unwrap().len(),
            MAX_ATTACHMENTS
        );
        assert_eq!(
            parts(&many(MAX_ATTACHMENTS + 1)),
            Err(NotTaken::TooMany(MAX_ATTACHMENTS + 1))
        );
    }

    #[test]
    fn base64_is_read_however_it_is_written() {
        let whole = BASE64_STANDARD.encode(GIF);
        for content in [
            format!("data:image/gif;base64,{whole}"),
            format!(" {}\n{}\n", &whole[..7], &whole[7..]),
            whole.trim_end_matches('=').to_owned(),
        ] {
            let attachment = Attachment {
                content: &content,
                ..Attachment::default()
            };
            let data = whole.clone();
            let media_type = "image/gif".to_owned();
            assert_eq!(
                parts(&[attachment]),
                Ok(vec![Part::Image { media_type, data }])
            );
        }
        assert!(picture(&format!("data:image/gif;base64,{whole}"), "it").is_ok());
        let text = BASE64_STANDARD.encode("words");
        for url in [
            format!("data:image/png;base64,{text}"),
            format!("data:text/plain;base64,{text}"),
        ] {
            assert!(matches!(
                picture(&url, "it"),
                Err(NotTaken::NoPicture { .. })
            ));
        }
    }
}
