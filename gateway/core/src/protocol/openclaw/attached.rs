//! What comes with a message in OpenClaw's words: attachments, and what is added to the system prompt.

use serde_json::Value;

use crate::attach::{self, Attachment};
use crate::limits::MAX_EXTRA_PROMPT_BYTES;
use crate::model::Part;
use crate::protocol::fault::{Code, Fault};
use crate::protocol::params::Params;

fn wrong(what: impl Into<String>) -> Fault {
    Fault::new(Code::Params, what)
}

/// `attachments`: a list of `{type?, mimeType?, fileName?, content}`, or with `source: {media_type, data}` in place of the content, as
/// OpenClaw takes them, too.
pub(super) fn attachments(params: &Params) -> Result<Vec<Part>, Fault> {
    let list = match params.0.get("attachments") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(wrong("`attachments` is a list")),
    };
    let all = list.iter().enumerate().map(|(at, one)| read(at, one));
    let all = all.collect::<Result<Vec<_>, _>>()?;
    attach::parts(&all).map_err(|not| wrong(not.to_string()))
}

fn read(at: usize, one: &Value) -> Result<Attachment<'_>, Fault> {
    let content = one["content"].as_str().or(one["source"]["data"].as_str());
    let content = content.ok_or_else(|| {
        wrong(format!(
            r#"`attachments[{at}]` needs its `content` in base64, for example {{"fileName":"a.png","mimeType":"image/png","content":"…"}}"#
        ))
    })?;
    let media_type = one["mimeType"].as_str();
    Ok(Attachment {
        name: one["fileName"].as_str(),
        media_type: media_type.or(one["source"]["media_type"].as_str()),
        content,
    })
}

/// `extraSystemPrompt`, which is for this run alone.
pub(super) fn extra(params: &Params) -> Result<Option<String>, Fault> {
    let text = params.text("extraSystemPrompt")?.unwrap_or_default();
    if text.len() > MAX_EXTRA_PROMPT_BYTES {
        let what = format!(
            "`extraSystemPrompt` has {} bytes, at most {MAX_EXTRA_PROMPT_BYTES} are taken; what is longer belongs into the message or \
             into a file of the workspace",
            text.len()
        );
        return Err(wrong(what));
    }
    let text = text.trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}
