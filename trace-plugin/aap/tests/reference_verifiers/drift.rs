//! [`aap::drift::detect`] against the drift detection of both reference SDKs.

use aap::drift::detect;
use aap::trace::{ActionType, Made, make};
use aap::{AlignmentCard, Timestamp};
use serde_json::{Value, json};

use crate::judges::{Drift, Sequence, judge};
use crate::kinds::{card, made, refusal};

/// An allowed call of a listed tool.
fn read() -> Value {
    let made = Made {
        tool: "Read".to_owned(),
        ..made()
    };
    serde_json::to_value(make(made, &card())).expect("a trace is JSON")
}

/// A refused call of `tool`.
fn refused(tool: &str) -> Value {
    let made = Made {
        tool: tool.to_owned(),
        verdict: refusal(aap::Decision::Deny),
        action_type: ActionType::Deny,
        outcome: "refused",
        ..made()
    };
    serde_json::to_value(make(made, &card())).expect("a trace is JSON")
}

/// Unlike a read in all that is compared, by values that the card does not declare.
fn promoted() -> Value {
    let action = json!({"type": "recommend", "name": "promote", "category": "forbidden"});
    let values = json!(["engagement", "growth", "retention"]);
    with(
        with(read(), "/action", action),
        "/decision/values_applied",
        values,
    )
}

/// `trace` with what `pointer` names set, whose parent is there.
fn with(mut trace: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    trace.pointer_mut(parent).expect("the parent is there")[key] = value;
    trace
}

/// A second apart, with ids that tell the position; `R`ead, `P`romoted, `D`enied a tool that is not read's.
fn steps(word: &str) -> Vec<Value> {
    let step = |letter| match letter {
        'R' => read(),
        'P' => promoted(),
        'D' => refused("Write"),
        other => panic!("no step {other}"),
    };
    placed(word.chars().map(step).collect())
}

fn placed(traces: Vec<Value>) -> Vec<Value> {
    let at = |index: usize| 1_795_227_000_000 + 1000 * i64::try_from(index).expect("few");
    let place = |(index, trace)| {
        let timestamp = json!(Timestamp::from_millis(at(index)));
        let trace = with(trace, "/timestamp", timestamp);
        with(trace, "/trace_id", json!(format!("tr-{index}")))
    };
    traces.into_iter().enumerate().map(place).collect()
}

fn sequence(name: &'static str, traces: Vec<Value>) -> Sequence {
    Sequence {
        name,
        card: serde_json::to_value(card()).expect("a card is JSON"),
        traces,
    }
}

fn ours(sequence: &Sequence) -> Vec<Value> {
    let card: AlignmentCard = serde_json::from_value(sequence.card.clone()).expect("a card");
    let alerts = detect(&card, &sequence.traces);
    alerts.iter().map(|alert| json!(alert)).collect()
}

/// Numbers as floating point: JavaScript writes 0.0 as 0.
fn floating(value: &mut Value) {
    match value {
        Value::Number(number) => *value = json!(number.as_f64()),
        Value::Array(items) => items.iter_mut().for_each(floating),
        Value::Object(fields) => fields.values_mut().for_each(floating),
        _ => {}
    }
}

/// Without the time, which is the SDKs' clock.
pub(crate) fn timeless(alerts: &[Value]) -> Vec<Value> {
    let mut alerts = alerts.to_vec();
    for alert in &mut alerts {
        let time = alert
            .as_object_mut()
            .expect("an object")
            .remove("detection_timestamp");
        let time = time.expect("an alert tells its time");
        assert!(time.is_string(), "{time}");
        floating(alert);
    }
    alerts
}

/// What does not hang on how likeness is counted, in which the SDKs differ.
pub(crate) fn essence(alerts: &[Value]) -> Vec<Value> {
    let reduce = |mut alert: Value| {
        let analysis = alert["analysis"].as_object_mut().expect("an analysis");
        analysis.remove("similarity_score");
        let indicators = analysis["specific_indicators"]
            .as_array_mut()
            .expect("indicators");
        indicators.retain(|indicator| indicator["indicator"] != "similarity_trend");
        alert
    };
    timeless(alerts).into_iter().map(reduce).collect()
}

/// Numbers and direction of the traces of each alert.
type Told = Vec<(Vec<usize>, String)>;

fn told(alerts: &[Value]) -> Told {
    let number = |id: &Value| id.as_str()?.strip_prefix("tr-")?.parse().ok();
    let tell = |alert: &Value| {
        let ids = alert["trace_ids"].as_array().expect("ids").iter();
        let direction = alert["analysis"]["drift_direction"]
            .as_str()
            .expect("a direction");
        (
            ids.map(|id| number(id).expect("an id of ours")).collect(),
            direction.to_owned(),
        )
    };
    alerts.iter().map(tell).collect()
}

fn alerts(drift: &Drift) -> &[Value] {
    match drift {
        Drift::Alerts(alerts) => alerts,
        Drift::Refused(why) => panic!("it could not judge: {why}"),
    }
}

/// The first of the three unlike traces of an alert, and its direction.
type Expected = &'static [(usize, &'static str)];

fn expected(alerts: Expected) -> Told {
    let tell = |(first, direction): &(usize, &str)| {
        ((*first..first + 3).collect(), (*direction).to_owned())
    };
    alerts.iter().map(tell).collect()
}

/// On which both SDKs agree.
fn agreed() -> Vec<(Sequence, Expected)> {
    let unsure = |trace| with(trace, "/decision/confidence", json!(0.2));
    let doubts = steps("RRRDDD").into_iter().map(unsure).collect();
    let words: [(&str, &str, Expected); 15] = [
        ("nothing", "", &[]),
        ("steady", "RRRRRRRRRRRR", &[]),
        ("value drift", "RRRPPP", &[(3, "value_drift")]),
        ("too short", "RRPPP", &[]),
        ("autonomy expansion", "DDDRRR", &[(3, "autonomy_expansion")]),
        ("a third asked", "DRRPPP", &[(3, "autonomy_expansion")]),
        ("refusals", "RRRDDD", &[(3, "unknown")]),
        (
            "9 of 29 undeclared",
            "RRRRRRRRRRRRRRRRRRRRPPP",
            &[(20, "value_drift")],
        ),
        (
            "9 of 30 undeclared",
            "RRRRRRRRRRRRRRRRRRRRRPPP",
            &[(21, "unknown")],
        ),
        (
            "recovery and a second alert",
            "RRRPPPRPPP",
            &[(3, "value_drift"), (7, "value_drift")],
        ),
        ("one alert, however long", "RRRPPPPP", &[(3, "value_drift")]),
        ("never three in a row", "RRRPPRPP", &[]),
        ("a baseline of a quarter", "RRRPPPRRRRRRRRRRRRRR", &[]),
        (
            "a baseline of a quarter, whole",
            "RRRRRDDDRRRRRRRRRRRR",
            &[(5, "unknown")],
        ),
        (
            "a baseline of ten at most",
            "RRRRRRRRRRDDDRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRR",
            &[(10, "unknown")],
        ),
    ];
    let mut all: Vec<_> = words
        .into_iter()
        .map(|(name, word, alerts)| (sequence(name, steps(word)), alerts))
        .collect();
    let mut shuffled = steps("RRRPPPRPPP");
    shuffled.reverse();
    shuffled.swap(2, 7);
    let shuffled = sequence("out of order", shuffled);
    all.push((shuffled, &[(3, "value_drift"), (7, "value_drift")]));
    all.push((sequence("exactly at", exactly_at()), &[]));
    let doubts = sequence("doubts", doubts);
    all.push((doubts, &[(3, "principal_misalignment")]));
    all
}

#[test]
fn our_drift_detection_agrees_with_both_references() {
    let table = agreed();
    let sequences: Vec<Sequence> = table.iter().map(|(sequence, _)| sequence.clone()).collect();
    let bench = judge(&sequences);
    for (sequence, said) in &table {
        let name = sequence.name;
        let ours = ours(sequence);
        assert_eq!(told(&ours), expected(said), "ours: {name}");
        let typescript = alerts(&bench.typescript.drift[name]);
        assert_eq!(timeless(&ours), timeless(typescript), "TypeScript: {name}");
        let python = alerts(&bench.python.drift[name]);
        assert_eq!(essence(&ours), essence(python), "Python: {name}");
    }
    assert_eq!(bench.python.drift.len(), table.len(), "no two share a name");
}

#[test]
fn an_alert_is_dated_by_the_trace_that_completed_it() {
    let alerts = ours(&sequence("dated", steps("RRRPPPP")));
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0]["detection_timestamp"], "2026-11-21T02:10:05.000Z");
}

/// What one side says of a disputed sequence; none if it cannot judge.
type Says = Option<Expected>;

const NOTHING: Says = Some(&[]);
const DRIFT_AT_3: Says = Some(&[(3, "unknown")]);

/// Forty traces of which three are 13/√1878 ≈ 0.29998 like the first ten.
fn just_below() -> Vec<Value> {
    let trace = |index: usize| {
        let (kind, values) = match index {
            0..6 | 13.. => ("execute", json!(["privacy"])),
            6..9 => ("execute", json!(["honesty"])),
            9 => ("execute", json!([])),
            10..13 => ("deny", json!(["fairness", "harm_prevention"])),
        };
        let asked = matches!(index, 0..3 | 10..13);
        let name = if index < 10 {
            format!("tool {index}")
        } else {
            kind.to_owned()
        };
        json!({
            "action": {"type": kind, "name": name, "category": "bounded"},
            "decision": {"alternatives_considered": [], "values_applied": values},
            "escalation": {"required": asked},
        })
    };
    placed((0..40).map(trace).collect())
}

/// Three traces, then three that are exactly 3/√(4·25) = 0.30 like them.
fn exactly_at() -> Vec<Value> {
    let trace = |index: usize| {
        let (category, name, value) = match index {
            0 | 1 => ("bounded", format!("tool {index}"), json!(["privacy"])),
            2 => ("bounded", "tool 2".to_owned(), json!([])),
            _ => ("forbidden", "another".to_owned(), json!(["honesty"])),
        };
        json!({
            "action": {"type": "execute", "name": name, "category": category},
            "decision": {"alternatives_considered": [], "values_applied": value},
        })
    };
    placed((0..6).map(trace).collect())
}

/// Where the SDKs disagree, or we with both: TypeScript, Python, ours.
fn disputed() -> Vec<(Sequence, [Says; 3])> {
    let each = |change: &dyn Fn(usize, Value) -> Value, word| -> Vec<Value> {
        let traces = steps(word).into_iter().enumerate();
        traces.map(|(index, trace)| change(index, trace)).collect()
    };
    let same_tool = placed([[(); 3].map(|()| read()), [(); 3].map(|()| refused("Read"))].concat());
    let flags: Vec<String> = (0..6).map(|number| format!("flag {number}")).collect();
    let flagged = each(
        &|_, trace| {
            with(
                trace,
                "/decision/alternatives_considered/0/flags",
                json!(flags),
            )
        },
        "RRRDDD",
    );
    // Five hours behind UTC: the text is smaller, the time later.
    let behind = |index: usize, trace| {
        if index < 3 {
            return trace;
        }
        let text = format!("2026-11-21T01:10:0{index}.000-05:00");
        with(trace, "/timestamp", json!(text))
    };
    let null = each(
        &|_, trace| with(trace, "/escalation", Value::Null),
        "RRRPPP",
    );
    let no_confidence = each(
        &|_, trace| with(trace, "/decision/confidence", Value::Null),
        "RRRDDD",
    );
    let object = |index: usize, trace| {
        let id = if index < 3 { "privacy" } else { "honesty" };
        let trace = with(trace, "/decision/values_applied", json!([{"id": id}]));
        with(trace, "/escalation", json!({"required": false}))
    };
    let undated = each(
        &|index, trace| {
            if index == 5 {
                with(trace, "/timestamp", json!("soon"))
            } else {
                trace
            }
        },
        "RRRDDD",
    );
    vec![
        // Python finds likeness in that both are certain: refusals of a tool that was used before are hidden by it.
        (
            sequence("the same tool refused", same_tool),
            [DRIFT_AT_3, NOTHING, DRIFT_AT_3],
        ),
        // Python does not read flags.
        (sequence("flags", flagged), [NOTHING, DRIFT_AT_3, NOTHING]),
        // Python rounds before it compares.
        (
            sequence("just below", just_below()),
            [Some(&[(10, "unknown")]), NOTHING, Some(&[(10, "unknown")])],
        ),
        // Python sorts times as text.
        (
            sequence("offsets", each(&behind, "RRRPPP")),
            [
                Some(&[(3, "value_drift")]),
                Some(&[(0, "value_drift")]),
                Some(&[(3, "value_drift")]),
            ],
        ),
        // Python fails on null.
        (
            sequence("escalation is null", null),
            [
                Some(&[(3, "value_drift")]),
                None,
                Some(&[(3, "value_drift")]),
            ],
        ),
        (
            sequence("confidence is null", no_confidence),
            [DRIFT_AT_3, None, DRIFT_AT_3],
        ),
        // All objects are one to TypeScript when it compares, though not when it counts values; Python fails on them.
        (
            sequence("values as objects", each(&object, "RRRPPP")),
            [NOTHING, None, DRIFT_AT_3],
        ),
        // Without a time, TypeScript leaves a trace about where it was and Python sorts its text.
        (
            sequence("no time", undated),
            [DRIFT_AT_3, DRIFT_AT_3, NOTHING],
        ),
    ]
}

#[test]
fn where_drift_is_disputed_ours_is_as_documented() {
    let table = disputed();
    let sequences: Vec<Sequence> = table.iter().map(|(sequence, _)| sequence.clone()).collect();
    let bench = judge(&sequences);
    let said = |drift: &Drift| match drift {
        Drift::Alerts(alerts) => Some(told(alerts)),
        Drift::Refused(_) => None,
    };
    for (sequence, [typescript, python, smoltbot]) in &table {
        let name = sequence.name;
        if let (Drift::Alerts(theirs), true) =
            (&bench.typescript.drift[name], typescript == smoltbot)
        {
            assert_eq!(timeless(&ours(sequence)), timeless(theirs), "{name}");
        }
        assert_eq!(
            said(&bench.typescript.drift[name]),
            typescript.map(expected),
            "TypeScript: {name}"
        );
        assert_eq!(
            said(&bench.python.drift[name]),
            python.map(expected),
            "Python: {name}"
        );
        assert_eq!(
            Some(told(&ours(sequence))),
            smoltbot.map(expected),
            "ours: {name}"
        );
    }
}
