//! OTLP's messages in JSON: protobuf's mapping, with ids in hexadecimal digits.

use serde_json::{Map, Value as Json, json};

use crate::protobuf::Answer;
use crate::span::{Attributes, Resource, Span, Told, Unreadable, Value, hex, unhex};

/// `SPAN_KIND_INTERNAL`.
const INTERNAL: u8 = 1;
/// `STATUS_CODE_ERROR`.
const ERROR: u8 = 2;

/// A span as one JSON object.
pub fn span_json(span: &Span) -> Json {
    let mut told = json!({
        "traceId": hex(&span.trace_id),
        "spanId": hex(&span.span_id),
    });
    if let Some(parent) = &span.parent {
        told["parentSpanId"] = hex(parent).into();
    }
    told["name"] = span.name.as_str().into();
    told["kind"] = INTERNAL.into();
    // 64-bit integers are strings in this mapping.
    told["startTimeUnixNano"] = span.start.to_string().into();
    told["endTimeUnixNano"] = span.end.to_string().into();
    told["attributes"] = attributes_json(&span.attributes);
    if let Some(message) = &span.error {
        told["status"] = json!({ "code": ERROR, "message": message });
    }
    told
}

fn attributes_json(attributes: &Attributes) -> Json {
    let told = attributes.iter();
    told.map(|(key, value)| json!({ "key": key, "value": value_json(value) }))
        .collect()
}

fn value_json(value: &Value) -> Json {
    match value {
        Value::Text(text) => json!({ "stringValue": text }),
        Value::Bool(flag) => json!({ "boolValue": flag }),
        Value::Int(number) => json!({ "intValue": number.to_string() }),
        Value::Double(number) => json!({ "doubleValue": number }),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(value_json).collect();
            json!({ "arrayValue": { "values": items } })
        }
        Value::Map(members) => json!({ "kvlistValue": { "values": attributes_json(members) } }),
        Value::Bytes(_) | Value::Empty => json!({}),
    }
}

/// Reads an `ExportTraceServiceRequest`, or the `TracesData` that collectors write into files, in JSON.
///
/// # Errors
/// [`Unreadable`].
pub fn read_json(bytes: &[u8]) -> Result<Vec<Told>, Unreadable> {
    let parsed: Json =
        serde_json::from_slice(bytes).map_err(|error| Unreadable::NotJson(error.to_string()))?;
    let Json::Object(mut whole) = parsed else {
        return Err(Unreadable::Json("it is no object"));
    };
    let resources = list(&mut whole, "resourceSpans")?;
    if whole.keys().any(|key| key == "resource_spans") {
        return Err(Unreadable::Json(
            "its names are in lowerCamelCase: resourceSpans",
        ));
    }
    resources.into_iter().map(resource_spans).collect()
}

/// The members of a list, none where it is not there.
fn list(object: &mut Map<String, Json>, key: &'static str) -> Result<Vec<Json>, Unreadable> {
    match object.remove(key) {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::Array(items)) => Ok(items),
        Some(_) => Err(Unreadable::Json(
            "resourceSpans, scopeSpans, spans, attributes and values are lists",
        )),
    }
}

fn object(value: Json) -> Result<Map<String, Json>, Unreadable> {
    match value {
        Json::Object(object) => Ok(object),
        _ => Err(Unreadable::Json("there is something else than an object")),
    }
}

fn resource_spans(value: Json) -> Result<Told, Unreadable> {
    let mut value = object(value)?;
    let mut resource = match value.remove("resource") {
        None | Some(Json::Null) => Map::new(),
        Some(resource) => object(resource)?,
    };
    let mut told = Told {
        resource: Resource {
            attributes: attributes(list(&mut resource, "attributes")?)?,
        },
        spans: Vec::new(),
    };
    for scope in list(&mut value, "scopeSpans")? {
        for span in list(&mut object(scope)?, "spans")? {
            told.spans.push(self::span(span)?);
        }
    }
    Ok(told)
}

fn span(value: Json) -> Result<Span, Unreadable> {
    let mut value = object(value)?;
    let text = |key: &str| value.get(key).and_then(Json::as_str).unwrap_or_default();
    // What is no id is told as none, span by span; the others are not to be lost with it.
    let id = |key: &str| unhex(text(key)).unwrap_or_default();
    let nanos = |key: &str| match value.get(key) {
        Some(Json::Number(number)) => number.as_u64().unwrap_or_default(),
        Some(Json::String(digits)) => digits.parse().unwrap_or_default(),
        _ => 0,
    };
    let status = value.get("status");
    let code = status.and_then(|status| status.get("code"));
    let failed = code.is_some_and(|code| *code == ERROR || *code == "STATUS_CODE_ERROR");
    let message = status.and_then(|status| status.get("message")?.as_str());
    let mut span = Span {
        trace_id: id("traceId"),
        span_id: id("spanId"),
        parent: Some(id("parentSpanId")).filter(|id| !id.is_empty()),
        name: text("name").to_owned(),
        start: nanos("startTimeUnixNano"),
        end: nanos("endTimeUnixNano"),
        attributes: Attributes::new(),
        error: failed.then(|| message.unwrap_or_default().to_owned()),
    };
    span.attributes = attributes(list(&mut value, "attributes")?)?;
    Ok(span)
}

fn attributes(items: Vec<Json>) -> Result<Attributes, Unreadable> {
    let members = items.into_iter().map(|item| {
        let mut item = object(item)?;
        let Some(Json::String(key)) = item.remove("key") else {
            return Err(Unreadable::Json("an attribute has no key"));
        };
        let value = item.remove("value").map_or(Ok(Value::Empty), self::value)?;
        Ok((key, value))
    });
    members.collect()
}

/// Depth is bounded by the parser's.
fn value(value: Json) -> Result<Value, Unreadable> {
    let mut value = match value {
        Json::Null => return Ok(Value::Empty),
        value => object(value)?,
    };
    let Some((kind, content)) = value.iter_mut().next() else {
        return Ok(Value::Empty);
    };
    let content = content.take();
    Ok(match (kind.as_str(), content) {
        ("stringValue", Json::String(text)) => Value::Text(text),
        ("boolValue", Json::Bool(flag)) => Value::Bool(flag),
        ("intValue", Json::Number(number)) => number.as_i64().map_or(Value::Empty, Value::Int),
        ("intValue", Json::String(digits)) => digits.parse().map_or(Value::Empty, Value::Int),
        ("doubleValue", Json::Number(number)) => {
            number.as_f64().map_or(Value::Empty, Value::Double)
        }
        ("doubleValue", Json::String(text)) => text.parse().map_or(Value::Empty, Value::Double),
        ("arrayValue", Json::Object(mut items)) => {
            let items = list(&mut items, "values")?.into_iter();
            Value::List(items.map(self::value).collect::<Result<_, _>>()?)
        }
        ("kvlistValue", Json::Object(mut members)) => {
            Value::Map(attributes(list(&mut members, "values")?)?)
        }
        // Four digits of base64 are three bytes.
        ("bytesValue", Json::String(text)) => {
            Value::Bytes(text.trim_end_matches('=').len() * 3 / 4)
        }
        _ => Value::Empty,
    })
}

impl Answer {
    /// In JSON.
    pub fn to_json(&self) -> Json {
        if *self == Self::default() {
            return json!({});
        }
        let mut told = json!({ "errorMessage": self.message });
        if self.rejected > 0 {
            told["rejectedSpans"] = self.rejected.to_string().into();
        }
        json!({ "partialSuccess": told })
    }
}
