//! What of a JSON-RPC message must be known. Values stay the text that they are.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An object's members in their order, values unread.
#[derive(Debug, Default)]
pub(crate) struct Object<'a>(Vec<(String, &'a RawValue)>);

/// Two readers could read the object in two ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Doubtful(pub(crate) &'static str);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Members).map(Self)
    }
}

impl<'a> Object<'a> {
    /// Reads an object.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The member `key`.
    ///
    /// # Errors
    /// [`Doubtful`] when it is there twice, or in other letters: some servers do not tell letters' case apart.
    pub(crate) fn get(&self, key: &'static str) -> Result<Option<&'a RawValue>, Doubtful> {
        let mut found = None;
        for (name, value) in &self.0 {
            if name.eq_ignore_ascii_case(key) {
                if found.is_some() || name != key {
                    return Err(Doubtful(key));
                }
                found = Some(*value);
            }
        }
        Ok(found)
    }

    /// The member `key` if it is a text.
    pub(crate) fn text(&self, key: &'static str) -> Result<Option<String>, Doubtful> {
        Ok(self
            .get(key)?
            .and_then(|raw| serde_json::from_str(raw.get()).ok()))
    }

    /// The object that stands at `key`.
    pub(crate) fn object(&self, key: &'static str) -> Result<Option<Self>, Doubtful> {
        Ok(self.get(key)?.and_then(|raw| Self::read(raw.get())))
    }
}

/// A tool call as the client asks for it.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// The request's id as it stands; none for a notification, which nobody answers.
    pub(crate) id: Option<&'a RawValue>,
    pub(crate) tool: String,
    pub(crate) arguments: Option<&'a RawValue>,
}

/// What a client's message is, as far as it matters.
#[derive(Debug)]
pub(crate) enum Said<'a> {
    Call(Call<'a>),
    /// Its `initialize`, and whether a form can be put to its person.
    Hello {
        can_ask: bool,
    },
    /// An answer to a question with that id.
    Answer {
        id: String,
        accepted: bool,
    },
    /// It no longer wants the request with that id.
    Cancelled {
        id: String,
    },
    /// Anything else.
    Other,
}

/// Why a client's message is not passed on.
#[derive(Debug)]
pub(crate) struct Wrong<'a> {
    pub(crate) id: Option<&'a RawValue>,
    pub(crate) code: i32,
    pub(crate) why: String,
}

/// Reads a client's message.
pub(crate) fn said<'a>(object: &Object<'a>) -> Result<Said<'a>, Wrong<'a>> {
    let id = object.get("id").ok().flatten();
    let wrong = |Doubtful(key)| Wrong {
        id,
        code: -32600,
        why: format!("`{key}` is there twice or in other letters"),
    };
    object.get("id").map_err(wrong)?;
    let Some(method) = object.get("method").map_err(wrong)? else {
        return Ok(answer(object, id));
    };
    let Ok(method) = serde_json::from_str::<String>(method.get()) else {
        return Err(Wrong {
            id,
            code: -32600,
            why: "`method` is no text".to_owned(),
        });
    };
    let params = object.get("params").map_err(wrong)?;
    let params = params.and_then(|raw| Object::read(raw.get()));
    match (method.as_str(), params) {
        ("tools/call", params) => {
            let params = params.unwrap_or_default();
            let tool = params.text("name").map_err(wrong)?;
            let arguments = params.get("arguments").map_err(wrong)?;
            let Some(tool) = tool else {
                return Err(Wrong {
                    id,
                    code: -32602,
                    why: "`params.name` is no text: which tool is it?".to_owned(),
                });
            };
            Ok(Said::Call(Call {
                id,
                tool,
                arguments,
            }))
        }
        ("initialize", Some(params)) => {
            let can = params.object("capabilities").map_err(wrong)?;
            let how = can.and_then(|can| can.object("elicitation").ok().flatten());
            // Before modes were told apart, the form was the only one.
            let can_ask =
                how.is_some_and(|how| how.0.is_empty() || matches!(how.get("form"), Ok(Some(_))));
            Ok(Said::Hello { can_ask })
        }
        ("notifications/cancelled", Some(params)) => Ok(params
            .get("requestId")
            .map_err(wrong)?
            .map_or(Said::Other, |id| Said::Cancelled {
                id: id.get().to_owned(),
            })),
        _ => Ok(Said::Other),
    }
}

fn answer<'a>(object: &Object<'a>, id: Option<&'a RawValue>) -> Said<'a> {
    let Some(id) = id else {
        return Said::Other;
    };
    let result = object.object("result").ok().flatten();
    let action = result.and_then(|result| result.text("action").ok().flatten());
    Said::Answer {
        id: id.get().to_owned(),
        accepted: action.as_deref() == Some("accept"),
    }
}

/// What a server's message says, if it answers a request: the id, and the result or the error.
pub(crate) struct Answered<'a> {
    pub(crate) id: String,
    pub(crate) result: Option<&'a RawValue>,
    pub(crate) error: Option<&'a RawValue>,
}

/// Reads a server's message; none when it is no answer.
pub(crate) fn answered<'a>(object: &Object<'a>) -> Option<Answered<'a>> {
    let id = object.get("id").ok()??;
    if object.get("method").ok()?.is_some() {
        return None;
    }
    Some(Answered {
        id: id.get().to_owned(),
        result: object.get("result").ok().flatten(),
        error: object.get("error").ok().flatten(),
    })
}
