//! Exports: three formats of one filter, in both orders, whole; what strangers wrote stays harmless.

use serde_json::{Value, json};

use edge_e2e::{Agent, Client, flat_of, held_back, now, unproven_agent, word};

/// The cells of a CSV text, line by line, as RFC 4180 reads them.
fn table(text: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let row = rows.last_mut().expect("a row");
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                row.last_mut().expect("a cell").push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(String::new()),
            '\r' if !quoted => {}
            '\n' if !quoted => rows.push(vec![String::new()]),
            other => row.last_mut().expect("a cell").push(other),
        }
    }
    assert_eq!(rows.pop(), Some(vec![String::new()]), "the last line ends");
    rows
}

fn lines(text: &str) -> Vec<Value> {
    let read = |line| serde_json::from_str(line).expect("JSON");
    text.lines().map(read).collect()
}

#[tokio::test]
async fn each_format_has_its_name_and_everything() {
    let (client, mut agent) = (Client::new(), Agent::new());
    // A millisecond each, so that there is one order.
    let base = now().millis() - 60_000;
    let mut items = Vec::new();
    for number in 0..5 {
        let mut call = if number == 3 {
            agent.refusal("fs.delete.root", "deletes /", &["harm_prevention"])
        } else {
            agent.call()
        };
        call.timestamp = aap::Timestamp::from_millis(base + number);
        items.push(agent.link(call));
    }
    items[4] = held_back(&items[4]);
    client.submit(agent.sign(&items)).await.all_stored(5);
    let query = format!("agent_id={}", agent.id);

    let answer = client.get(&format!("/v1/export?{query}")).await.expect(200);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"traces.ndjson\""
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let rows = lines(&answer.text);
    assert_eq!(rows.len(), 5);
    for row in &rows {
        let whole = client
            .json(&format!(
                "/v1/traces/{}",
                row["id"].as_str().expect("an id")
            ))
            .await;
        for (key, value) in row.as_object().expect("an object") {
            assert_eq!(&whole[key], value, "{key}");
        }
    }
    assert_eq!(rows[0]["trace"], Value::Null, "held back");
    assert_eq!(rows[0]["held_back"], true);
    the_same_as_csv(&client, &query, &rows).await;
    the_same_as_otlp(&client, &query, &rows).await;
}

/// Each cell says what the row of NDJSON says.
async fn the_same_as_csv(client: &Client, query: &str, rows: &[Value]) {
    let answer = client
        .get(&format!("/v1/export?format=csv&{query}"))
        .await
        .expect(200);
    assert_eq!(
        answer.header("content-type"),
        "text/csv; charset=utf-8; header=present"
    );
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"traces.csv\""
    );
    let table = table(&answer.text);
    assert_eq!(table.len(), 1 + rows.len());
    assert!(table.iter().all(|row| row.len() == table[0].len()));
    for (cells, row) in table[1..].iter().zip(rows) {
        for (name, cell) in table[0].iter().zip(cells) {
            let told = match name.as_str() {
                "parameters" => row["trace"].pointer("/action/parameters"),
                "result" => row["trace"].pointer("/context/metadata/result"),
                name => row.get(name),
            };
            let told = match told {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) if name != "result" => text.clone(),
                Some(Value::Array(values)) => {
                    let values = values.iter().filter_map(Value::as_str);
                    values.collect::<Vec<_>>().join("; ")
                }
                Some(Value::Number(number)) => number.as_f64().expect("a number").to_string(),
                Some(other) => other.to_string(),
            };
            assert_eq!(*cell, told, "{name}");
        }
    }
}

/// Each span says what the row of NDJSON says.
async fn the_same_as_otlp(client: &Client, query: &str, rows: &[Value]) {
    let answer = client
        .get(&format!("/v1/export?format=otlp&{query}"))
        .await
        .expect(200);
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"traces.otlp.json\""
    );
    let spans = &answer.body["resourceSpans"][0]["scopeSpans"][0]["spans"];
    let spans = spans.as_array().expect("spans");
    assert_eq!(spans.len(), rows.len());
    let attribute = |span: &Value, key: &str| {
        let mut attributes = span["attributes"].as_array().expect("attributes").iter();
        let found = attributes.find(|attribute| attribute["key"] == key)?;
        Some(found["value"]["stringValue"].as_str()?.to_owned())
    };
    for (span, row) in spans.iter().zip(rows) {
        assert_eq!(
            attribute(span, "smoltbot.trace_id").as_deref(),
            row["id"].as_str()
        );
        assert_eq!(
            attribute(span, "gen_ai.operation.name").as_deref(),
            Some("execute_tool")
        );
        assert_eq!(attribute(span, "gen_ai.tool.name").as_deref(), Some("exec"));
        assert_eq!(
            attribute(span, "gen_ai.conversation.id").as_deref(),
            row["session_id"].as_str()
        );
        assert_eq!(span["status"]["code"] == 2, row["action_type"] != "allow");
    }
    let runs: std::collections::BTreeSet<_> = spans[1..]
        .iter()
        .map(|span| span["traceId"].as_str())
        .collect();
    assert_eq!(runs.len(), 1, "a session is one trace");
    let ids: std::collections::BTreeSet<_> =
        spans.iter().map(|span| span["spanId"].as_str()).collect();
    assert_eq!(ids.len(), spans.len());
    let nanos = |key: &str| {
        spans[4][key]
            .as_str()
            .expect("text")
            .parse::<u64>()
            .expect("a number")
    };
    assert_eq!(
        nanos("endTimeUnixNano") - nanos("startTimeUnixNano"),
        12_000_000
    );
}

#[tokio::test]
async fn many_pages_come_once_and_in_the_order_that_was_asked_for() {
    let (client, agent) = (Client::new(), unproven_agent());
    let base = now().millis() - 600_000;
    let traces: Vec<_> = (0..430_i64)
        .map(|number| {
            let mut trace = flat_of(agent);
            trace["timestamp"] = json!(aap::Timestamp::from_millis(base + number * 1000));
            trace
        })
        .collect();
    client.submit_all(&traces).await.all_stored(430);
    let ids = |text: &str| {
        lines(text)
            .iter()
            .map(|row| row["id"].clone())
            .collect::<Vec<_>>()
    };
    let sent: Vec<_> = traces.iter().map(|trace| trace["id"].clone()).collect();
    let path = format!("/v1/export?agent_id={agent}");
    let newest = client.get(&path).await.expect(200);
    assert_eq!(
        ids(&newest.text),
        sent.iter().rev().cloned().collect::<Vec<_>>()
    );
    let oldest = client
        .get(&format!("{path}&order=oldest"))
        .await
        .expect(200);
    assert_eq!(ids(&oldest.text), sent);
    // An export that broke off goes on where a listing would.
    let page = client
        .json(&format!(
            "/v1/traces?agent_id={agent}&order=oldest&limit=100"
        ))
        .await;
    let cursor = page["next_cursor"].as_str().expect("there is more");
    let rest = client
        .get(&format!("{path}&order=oldest&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(ids(&rest.text), sent[100..]);
    let none = client
        .get(&format!("{path}&q={}", word("nobody")))
        .await
        .expect(200);
    assert_eq!(none.text, "");
    let none = client
        .get(&format!("{path}&format=otlp&action_type=deny"))
        .await
        .expect(200);
    assert_eq!(
        none.body["resourceSpans"][0]["scopeSpans"][0]["spans"],
        json!([])
    );
}

#[tokio::test]
async fn formulas_of_strangers_are_texts_in_a_table() {
    let (client, agent) = (Client::new(), unproven_agent());
    for text in [
        "=HYPERLINK(\"http://evil.example\",\"x\")",
        "+1+1",
        "-2+3",
        "@SUM(1+1)*cmd|' /C calc'!A0",
        "\t=1",
        "\u{feff}=1",
        "a\r\n=1,\"x\"",
    ] {
        let mut trace = flat_of(agent);
        trace["tool_name"] = json!(text);
        trace["action_type"] = json!("deny");
        trace["metadata"] = json!({"session_id": text, "rule_id": text, "conscience_reason": text, "values_violated": [text]});
        client.submit(trace.to_string()).await.all_stored(1);
        let id = trace["id"].as_str().expect("an id");
        let table = client
            .get(&format!("/v1/export?format=csv&agent_id={agent}"))
            .await;
        let rows = self::table(&table.expect(200).text);
        let row = rows.iter().find(|row| row[0] == id).expect("a row");
        let shown = if text.starts_with('a') {
            text.to_owned()
        } else {
            format!("'{text}")
        };
        for (name, cell) in rows[0].iter().zip(row) {
            if [
                "tool_name",
                "reason",
                "rule_id",
                "values_violated",
                "session_id",
            ]
            .contains(&name.as_str())
            {
                assert_eq!(*cell, shown, "{name}");
            }
            assert!(
                !cell.starts_with(['=', '+', '-', '@', '\t']),
                "{name}: {cell}"
            );
        }
    }
}

#[tokio::test]
async fn wrong_parameters_of_an_export_are_named() {
    let client = Client::new();
    for (query, parameter, said) in [
        ("format=xml", "format", "ndjson, csv or otlp"),
        ("format=", "format", "ndjson, csv or otlp"),
        ("order=longest", "order", "newest or oldest"),
        ("cursor=x", "cursor", "next_cursor"),
        ("limit=5", "limit", "there are agent_id"),
    ] {
        let answer = client.get(&format!("/v1/export?{query}")).await;
        assert!(
            answer.problem(400).contains(said),
            "{query}: {}",
            answer.text
        );
        assert_eq!(answer.body["parameter"], parameter);
    }
    let head = client
        .send(client.request("HEAD", "/v1/export?action_type=deny&limit"))
        .await;
    assert_eq!(head.status, 400);
    let agent = unproven_agent();
    let head = client
        .send(client.request("HEAD", &format!("/v1/export?agent_id={agent}")))
        .await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    assert_eq!(head.header("content-type"), "application/x-ndjson");
}
