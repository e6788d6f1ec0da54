//! Both encodings, both ways, against the published types of `opentelemetry-proto`.

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Theirs;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource as TheirResource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as TheirSpan, Status};
use otlp::{Answer, Attributes, Request, Span, Told, Value, read_json, read_protobuf, span_json};
use proptest::prelude::*;
use prost::Message as _;

fn their_value(value: &Value) -> AnyValue {
    let value = match value {
        Value::Text(text) => Some(Theirs::StringValue(text.clone())),
        Value::Bool(flag) => Some(Theirs::BoolValue(*flag)),
        Value::Int(number) => Some(Theirs::IntValue(*number)),
        Value::Double(number) => Some(Theirs::DoubleValue(*number)),
        Value::List(items) => Some(Theirs::ArrayValue(ArrayValue {
            values: items.iter().map(their_value).collect(),
        })),
        Value::Map(members) => Some(Theirs::KvlistValue(KeyValueList {
            values: their_attributes(members),
        })),
        Value::Bytes(length) => Some(Theirs::BytesValue(vec![7; *length])),
        Value::Empty => None,
    };
    AnyValue { value }
}

fn their_attributes(attributes: &Attributes) -> Vec<KeyValue> {
    let told = attributes.iter();
    told.map(|(key, value)| KeyValue {
        key: key.clone(),
        value: Some(their_value(value)),
        ..KeyValue::default()
    })
    .collect()
}

fn theirs(span: &Span) -> TheirSpan {
    TheirSpan {
        trace_id: span.trace_id.clone(),
        span_id: span.span_id.clone(),
        parent_span_id: span.parent.clone().unwrap_or_default(),
        name: span.name.clone(),
        kind: 1,
        start_time_unix_nano: span.start,
        end_time_unix_nano: span.end,
        attributes: their_attributes(&span.attributes),
        status: span.error.as_ref().map(|message| Status {
            message: message.clone(),
            code: 2,
        }),
        ..TheirSpan::default()
    }
}

fn value(bytes: bool) -> impl Strategy<Value = Value> {
    let empty = prop_oneof![Just(Value::Empty), any::<bool>().prop_map(Value::Bool)];
    let leaf = prop_oneof![
        ".{0,12}".prop_map(Value::Text),
        any::<i64>().prop_map(Value::Int),
        // Halves are read from JSON as they were written, to the last bit.
        any::<i32>().prop_map(|halves| Value::Double(f64::from(halves) / 2.0)),
        (0..9_usize).prop_map(move |length| if bytes {
            Value::Bytes(length)
        } else {
            Value::Empty
        }),
        empty,
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::vec((".{0,5}", inner), 0..4).prop_map(Value::Map),
        ]
    })
}

fn span(bytes: bool) -> impl Strategy<Value = Span> {
    let id = |length| prop::collection::vec(any::<u8>(), length);
    let attributes = prop::collection::vec((".{0,8}", value(bytes)), 0..5);
    let times = (any::<u64>(), any::<u64>());
    let (name, error) = (".{0,20}", prop::option::of(".{0,20}"));
    (
        id(16),
        id(8),
        prop::option::of(id(8)),
        name,
        times,
        attributes,
        error,
    )
        .prop_map(
            |(trace_id, span_id, parent, name, (start, end), attributes, error)| Span {
                trace_id,
                span_id,
                parent,
                name,
                start,
                end,
                attributes,
                error,
            },
        )
}

proptest! {
    #[test]
    fn what_is_written_is_what_they_read(spans in prop::collection::vec(span(false), 0..6)) {
        let mut request = Request::new("smoltbot", "1.2.3");
        for span in &spans {
            request.push(span);
        }
        prop_assert_eq!(request.len(), spans.len());
        let read = ExportTraceServiceRequest::decode(&*request.to_bytes()).expect("protobuf");
        let resource = TheirResource {
            attributes: their_attributes(&vec![("service.name".to_owned(), "smoltbot".into())]),
            ..TheirResource::default()
        };
        let scope = InstrumentationScope {
            name: "smoltbot".to_owned(),
            version: "1.2.3".to_owned(),
            ..InstrumentationScope::default()
        };
        let expected = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(resource),
                scope_spans: vec![ScopeSpans {
                    scope: Some(scope),
                    spans: spans.iter().map(theirs).collect(),
                    ..ScopeSpans::default()
                }],
                ..ResourceSpans::default()
            }],
        };
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn what_they_write_is_what_is_read(spans in prop::collection::vec(span(true), 0..6), own in ".{1,9}") {
        let attributes = vec![("service.name".to_owned(), Value::Text(own))];
        let scopes = spans.chunks(2).map(|spans| ScopeSpans {
            spans: spans.iter().map(theirs).collect(),
            schema_url: "https://opentelemetry.io/schemas/1.37.0".to_owned(),
            ..ScopeSpans::default()
        });
        let whole = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(TheirResource {
                    attributes: their_attributes(&attributes),
                    dropped_attributes_count: 3,
                    ..TheirResource::default()
                }),
                scope_spans: scopes.collect(),
                ..ResourceSpans::default()
            }],
        };
        let expected = vec![Told { resource: otlp::Resource { attributes }, spans }];
        prop_assert_eq!(read_protobuf(&whole.encode_to_vec()).expect("protobuf"), expected.clone());
        let json = serde_json::to_vec(&whole).expect("json");
        prop_assert_eq!(read_json(&json).expect("json"), expected);
    }

    #[test]
    fn json_is_what_they_read(span in span(false)) {
        let read: TheirSpan = serde_json::from_value(span_json(&span)).expect("a span");
        prop_assert_eq!(read, theirs(&span));
    }

    #[test]
    fn answers_are_told_and_read(rejected in 0..9_u64, message in "[a-z]{0,9}") {
        let answer = Answer { rejected, message: message.clone() };
        let theirs = ExportTraceServiceResponse::decode(&*answer.to_protobuf()).expect("protobuf");
        let partial = (answer != Answer::default()).then(|| ExportTracePartialSuccess {
            rejected_spans: i64::try_from(rejected).expect("few"),
            error_message: message,
        });
        prop_assert_eq!(&theirs, &ExportTraceServiceResponse { partial_success: partial.clone() });
        prop_assert_eq!(Answer::of_protobuf(&theirs.encode_to_vec()).expect("protobuf"), answer.clone());
        if let Some(partial) = partial {
            let mut told = answer.to_json()["partialSuccess"].clone();
            // The mapping writes 64-bit integers as strings; these types read this one as a number only.
            if let Some(digits) = told.get("rejectedSpans").cloned() {
                let digits = digits.as_str().expect("a string");
                told["rejectedSpans"] = digits.parse::<u64>().expect("a number").into();
            }
            let read: ExportTracePartialSuccess = serde_json::from_value(told).expect("json");
            prop_assert_eq!(read, partial);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_protobuf(&bytes);
        let _ = read_json(&bytes);
        let _ = Answer::of_protobuf(&bytes);
    }

    #[test]
    fn no_changed_byte_makes_it_panic(span in span(false), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut request = Request::new("smoltbot", "1");
        request.push(&span);
        let mut bytes = request.to_bytes();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let _ = read_protobuf(&bytes);
    }
}

#[test]
fn what_breaks_off_or_is_nested_too_deep_is_told() {
    let mut request = Request::new("smoltbot", "1");
    request.push(&Span::default());
    let bytes = request.to_bytes();
    let error = read_protobuf(&bytes[..bytes.len() - 1]).unwrap_err();
    assert!(error.to_string().contains("breaks off"), "{error}");
    let deep = (0..=otlp::MAX_DEPTH).fold(Value::Empty, |inner, _| Value::List(vec![inner]));
    let mut request = Request::new("smoltbot", "1");
    request.push(&Span {
        attributes: vec![("deep".to_owned(), deep)],
        ..Span::default()
    });
    let error = read_protobuf(&request.to_bytes()).unwrap_err();
    assert!(error.to_string().contains("nested deeper"), "{error}");
    let overlong = [0xff; 12];
    assert!(read_protobuf(&overlong).is_err());
    for (json, said) in [
        ("{", "not valid JSON"),
        ("[]", "no object"),
        (r#"{"resource_spans":[]}"#, "lowerCamelCase"),
        (r#"{"resourceSpans":{}}"#, "are lists"),
        (r#"{"resourceSpans":[1]}"#, "something else than an object"),
    ] {
        let error = read_json(json.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(said), "{json}: {error}");
    }
}
