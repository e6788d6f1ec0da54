//! OTLP's messages in protobuf, by the field numbers of `opentelemetry-proto` 1.x.

use crate::MAX_DEPTH;
use crate::span::{Attributes, Resource, Span, Told, Unreadable, Value};
use crate::wire::{Field, Reader, put_bytes, put_fixed64, put_message, put_number, put_varint};

/// `SPAN_KIND_INTERNAL`, as the conventions want it for a tool's run.
const INTERNAL: u64 = 1;
/// `STATUS_CODE_ERROR`.
const ERROR: u64 = 2;

/// An `ExportTraceServiceRequest` that grows span by span.
#[derive(Debug, Clone)]
pub struct Request {
    resource: Vec<u8>,
    scope: Vec<u8>,
    spans: Vec<u8>,
    count: usize,
}

impl Request {
    /// None yet, of a service of this name, told by this version of us.
    pub fn new(service: &str, version: &str) -> Self {
        let (mut resource, mut scope) = (Vec::new(), Vec::new());
        put_attributes(
            1,
            &[("service.name".to_owned(), service.into())],
            &mut resource,
        );
        put_bytes(1, b"smoltbot", &mut scope);
        put_bytes(2, version.as_bytes(), &mut scope);
        Self {
            resource,
            scope,
            spans: Vec::new(),
            count: 0,
        }
    }

    /// Adds a span.
    pub fn push(&mut self, span: &Span) {
        put_message(2, &mut self.spans, |out| put_span(span, out));
        self.count += 1;
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        self.spans.len() + self.resource.len() + self.scope.len()
    }

    /// The message.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes() + 32);
        let scope = 1 + varint_len(self.scope.len()) + self.scope.len();
        let scope_spans = scope + self.spans.len();
        let resource = 1 + varint_len(self.resource.len()) + self.resource.len();
        let resource_spans = resource + 1 + varint_len(scope_spans) + scope_spans;
        put_varint(1 << 3 | 2, &mut out);
        put_varint(resource_spans as u64, &mut out);
        put_bytes(1, &self.resource, &mut out);
        put_varint(2 << 3 | 2, &mut out);
        put_varint(scope_spans as u64, &mut out);
        put_bytes(1, &self.scope, &mut out);
        out.extend_from_slice(&self.spans);
        out
    }
}

fn varint_len(number: usize) -> usize {
    let bits = (number as u64 | 1).ilog2() as usize + 1;
    bits.div_ceil(7)
}

fn put_span(span: &Span, out: &mut Vec<u8>) {
    put_bytes(1, &span.trace_id, out);
    put_bytes(2, &span.span_id, out);
    if let Some(parent) = &span.parent {
        put_bytes(4, parent, out);
    }
    put_bytes(5, span.name.as_bytes(), out);
    put_number(6, INTERNAL, out);
    put_fixed64(7, span.start, out);
    put_fixed64(8, span.end, out);
    put_attributes(9, &span.attributes, out);
    if let Some(message) = &span.error {
        put_message(15, out, |out| {
            put_bytes(2, message.as_bytes(), out);
            put_number(3, ERROR, out);
        });
    }
}

fn put_attributes(field: u64, attributes: &[(String, Value)], out: &mut Vec<u8>) {
    for (key, value) in attributes {
        put_message(field, out, |out| {
            put_bytes(1, key.as_bytes(), out);
            put_message(2, out, |out| put_value(value, out));
        });
    }
}

fn put_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) => put_bytes(1, text.as_bytes(), out),
        Value::Bool(flag) => put_number(2, u64::from(*flag), out),
        Value::Int(number) => put_number(3, number.cast_unsigned(), out),
        Value::Double(number) => put_fixed64(4, number.to_bits(), out),
        Value::List(items) => put_message(5, out, |out| {
            for item in items {
                put_message(1, out, |out| put_value(item, out));
            }
        }),
        Value::Map(members) => put_message(6, out, |out| put_attributes(1, members, out)),
        // Ours have none: what cannot be told again is told as nothing.
        Value::Bytes(_) | Value::Empty => {}
    }
}

/// Reads an `ExportTraceServiceRequest`, which is also what a `TracesData` is, and hands each resource's spans on.
///
/// # Errors
/// [`Unreadable`].
pub fn read_protobuf(bytes: &[u8]) -> Result<Vec<Told>, Unreadable> {
    let mut told = Vec::new();
    each(bytes, |number, field| {
        if number == 1 {
            told.push(resource_spans(field.bytes()?)?);
        }
        Ok(())
    })?;
    Ok(told)
}

fn each<'a>(
    bytes: &'a [u8],
    mut read: impl FnMut(u64, Field<'a>) -> Result<(), Unreadable>,
) -> Result<(), Unreadable> {
    let mut reader = Reader(bytes);
    while let Some((number, field)) = reader.next()? {
        read(number, field)?;
    }
    Ok(())
}

fn resource_spans(bytes: &[u8]) -> Result<Told, Unreadable> {
    let mut told = Told::default();
    each(bytes, |number, field| {
        match number {
            1 => told.resource = resource(field.bytes()?)?,
            2 => each(field.bytes()?, |number, field| {
                if number == 2 {
                    told.spans.push(span(field.bytes()?)?);
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(told)
}

fn resource(bytes: &[u8]) -> Result<Resource, Unreadable> {
    let mut resource = Resource::default();
    each(bytes, |number, field| {
        if number == 1 {
            resource.attributes.push(member(field.bytes()?, 0)?);
        }
        Ok(())
    })?;
    Ok(resource)
}

fn span(bytes: &[u8]) -> Result<Span, Unreadable> {
    let mut span = Span::default();
    each(bytes, |number, field| {
        match number {
            1 => span.trace_id = field.bytes()?.to_vec(),
            2 => span.span_id = field.bytes()?.to_vec(),
            4 => span.parent = Some(field.bytes()?.to_vec()).filter(|id| !id.is_empty()),
            5 => span.name = field.text()?,
            7 => span.start = field.number()?,
            8 => span.end = field.number()?,
            9 => span.attributes.push(member(field.bytes()?, 0)?),
            15 => span.error = status(field.bytes()?)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(span)
}

fn status(bytes: &[u8]) -> Result<Option<String>, Unreadable> {
    let (mut message, mut code) = (String::new(), 0);
    each(bytes, |number, field| {
        match number {
            2 => message = field.text()?,
            3 => code = field.number()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((code == ERROR).then_some(message))
}

fn member(bytes: &[u8], depth: usize) -> Result<(String, Value), Unreadable> {
    let (mut key, mut content) = (String::new(), Value::Empty);
    each(bytes, |number, field| {
        match number {
            1 => key = field.text()?,
            2 => content = value(field.bytes()?, depth)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((key, content))
}

fn value(bytes: &[u8], depth: usize) -> Result<Value, Unreadable> {
    if depth >= MAX_DEPTH {
        return Err(Unreadable::Protobuf(
            "attributes are nested deeper than 32 levels",
        ));
    }
    let mut found = Value::Empty;
    each(bytes, |number, field| {
        match number {
            1 => found = Value::Text(field.text()?),
            2 => found = Value::Bool(field.number()? != 0),
            3 => found = Value::Int(field.number()?.cast_signed()),
            4 => found = Value::Double(f64::from_bits(field.number()?)),
            5 => {
                let mut items = Vec::new();
                each(field.bytes()?, |number, field| {
                    if number == 1 {
                        items.push(value(field.bytes()?, depth + 1)?);
                    }
                    Ok(())
                })?;
                found = Value::List(items);
            }
            6 => {
                let mut members = Attributes::new();
                each(field.bytes()?, |number, field| {
                    if number == 1 {
                        members.push(member(field.bytes()?, depth + 1)?);
                    }
                    Ok(())
                })?;
                found = Value::Map(members);
            }
            7 => found = Value::Bytes(field.bytes()?.len()),
            _ => {}
        }
        Ok(())
    })?;
    Ok(found)
}

/// An `ExportTraceServiceResponse`: what a receiver has not taken, and what it says about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Spans that were not taken.
    pub rejected: u64,
    /// Why, or what else there is to say.
    pub message: String,
}

impl Answer {
    /// In protobuf; nothing where there is nothing to say.
    pub fn to_protobuf(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if *self != Self::default() {
            put_message(1, &mut out, |out| {
                if self.rejected > 0 {
                    put_number(1, self.rejected, out);
                }
                put_bytes(2, self.message.as_bytes(), out);
            });
        }
        out
    }

    /// Reads a receiver's answer in protobuf.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn of_protobuf(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut answer = Self::default();
        each(bytes, |number, field| {
            if number == 1 {
                each(field.bytes()?, |number, field| {
                    match number {
                        1 => answer.rejected = field.number()?,
                        2 => answer.message = field.text()?,
                        _ => {}
                    }
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        Ok(answer)
    }
}
