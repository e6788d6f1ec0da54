//! Their names, what they tell, and the bounds of their buckets.

/// Which version runs.
pub(super) const INFO: &str = "smoltbot_gateway_info";
/// HTTP requests by route, method and status.
pub(super) const REQUESTS: &str = "smoltbot_gateway_request_seconds";
/// Open Sockets of `/ws` by dialect.
pub(super) const SOCKETS: &str = "smoltbot_gateway_sockets";
/// Sockets of `/ws` that were closed because they did not read.
pub(super) const SLOW_READERS: &str = "smoltbot_gateway_slow_readers_total";
/// Bytes that such ones were not sent.
pub(super) const DROPPED_BYTES: &str = "smoltbot_gateway_dropped_bytes_total";
/// Runs under way.
pub(super) const RUNS: &str = "smoltbot_gateway_runs";
/// Runs that began.
pub(super) const RUNS_BEGUN: &str = "smoltbot_gateway_runs_begun_total";
/// Runs that ended, by outcome.
pub(super) const RUNS_ENDED: &str = "smoltbot_gateway_runs_ended_total";
/// OpenTelemetry's `gen_ai.invoke_agent.duration`.
pub(super) const TURN: &str = "gen_ai_invoke_agent_duration_seconds";
/// From a message to the first word or thought of its answer.
pub(super) const TURN_FIRST: &str = "smoltbot_gateway_first_token_seconds";
/// OpenTelemetry's `gen_ai.client.operation.duration`.
pub(super) const MODEL: &str = "gen_ai_client_operation_duration_seconds";
/// OpenTelemetry's `gen_ai.client.operation.time_to_first_chunk`.
pub(super) const MODEL_FIRST: &str = "gen_ai_client_operation_time_to_first_chunk_seconds";
/// OpenTelemetry's `gen_ai.client.token.usage`.
pub(super) const TOKENS: &str = "gen_ai_client_token_usage";
/// Requests that were put to the same model again.
pub(super) const RETRIES: &str = "smoltbot_gateway_model_retries_total";
/// Times that a model is left alone for a while.
pub(super) const COOL_DOWNS: &str = "smoltbot_gateway_model_cool_downs_total";
/// Tool calls by tool, verdict and outcome.
pub(super) const CALLS: &str = "smoltbot_gateway_tool_calls_total";
/// OpenTelemetry's `gen_ai.execute_tool.duration`.
pub(super) const TOOL: &str = "gen_ai_execute_tool_duration_seconds";

/// What each tells.
pub(super) const HELP: [(&str, &str); 17] = [
    (INFO, "The version that runs; always 1."),
    (
        REQUESTS,
        "HTTP requests by route, method and status, and how long they took to the beginning of their answer.",
    ),
    (
        SOCKETS,
        "Open WebSockets by dialect; none is one that has not said yet who it is.",
    ),
    (
        SLOW_READERS,
        "WebSockets that were closed because they did not read what they were sent.",
    ),
    (DROPPED_BYTES, "Bytes that such WebSockets were not sent."),
    (RUNS, "Messages being answered now."),
    (RUNS_BEGUN, "Messages that began to be answered."),
    (
        RUNS_ENDED,
        "Messages that were answered, by how that ended.",
    ),
    (
        TURN,
        "How long the model and its tools took for a message, by how it ended.",
    ),
    (
        TURN_FIRST,
        "From a message to the first word or thought of its answer.",
    ),
    (
        MODEL,
        "Requests to models by provider and model, and how long their whole answers took; error_type is there where one failed.",
    ),
    (
        MODEL_FIRST,
        "From a request to a model to the first piece of its answer.",
    ),
    (
        TOKENS,
        "Tokens of each request by gen_ai_token_type: input (all that was read), output, and of the input cache_read and cache_creation.",
    ),
    (
        RETRIES,
        "Requests that were put to the same model again after a failure that passes, by that failure.",
    ),
    (
        COOL_DOWNS,
        "Times that a model or its provider was left alone for a while, by the failure that made it so.",
    ),
    (
        CALLS,
        "Tool calls by tool, verdict (allow, ask, deny) and outcome (completed, failed, refused, abandoned).",
    ),
    (TOOL, "How long tools ran."),
];

/// Seconds of HTTP requests: the edge's own bounds.
const REQUEST_SECONDS: [f64; 11] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0,
];

/// Seconds of models and tools: OpenTelemetry's bounds for an operation's duration.
const OPERATION_SECONDS: [f64; 14] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];

/// Seconds of whole turns, in which many tools may run: further on up to eleven minutes.
const TURN_SECONDS: [f64; 14] = [
    0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68, 655.36,
];

/// Tokens: OpenTelemetry's bounds.
const TOKEN_COUNTS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// The bounds of each one that is a histogram.
pub(super) const BUCKETS: [(&str, &[f64]); 7] = [
    (REQUESTS, &REQUEST_SECONDS),
    (TURN, &TURN_SECONDS),
    (TURN_FIRST, &OPERATION_SECONDS),
    (MODEL, &OPERATION_SECONDS),
    (MODEL_FIRST, &OPERATION_SECONDS),
    (TOKENS, &TOKEN_COUNTS),
    (TOOL, &OPERATION_SECONDS),
];

pub(super) fn is_histogram(name: &str) -> bool {
    BUCKETS.iter().any(|(of, _)| *of == name)
}

pub(super) fn is_counter(name: &str) -> bool {
    name.ends_with("_total")
}
