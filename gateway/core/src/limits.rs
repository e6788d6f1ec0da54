//! Every limit of the gateway, with its unit and its reason.

use std::time::Duration;

/// Bytes of one chat message: 64 KiB. A pasted file belongs into the workspace.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// Bytes of a request body: JSON may write each byte of a message as six (`\u0000`), plus 4 KiB for what is around it.
pub const MAX_BODY_BYTES: usize = 6 * MAX_MESSAGE_BYTES + 4 * 1024;
/// How long a request body may take to arrive; one of pictures longer, by [`SLOWEST_UPLOAD`].
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes in a second that a large body arrives with at least: 512 KiB, which a phone's connection brings.
pub const SLOWEST_UPLOAD: u64 = 512 * 1024;
/// Files and pictures that one message may bring: 20. With more pictures in a request, Anthropic takes only small ones.
pub const MAX_ATTACHMENTS: usize = 20;
/// Bytes of all of them together: 19 464 192, as OpenClaw has it: what fits in base64 into a frame of 25 MiB beside a message.
pub const MAX_ATTACHED_BYTES: usize = (MAX_FRAME_BYTES - 256 * 1024) / 4 * 3;
/// Bytes of one picture: 6 MiB, as OpenClaw has it.
pub const MAX_PICTURE_BYTES: usize = 6 * 1024 * 1024;
/// Bytes of a file that is put into the message as text: 64 KiB, as many as a message has. A longer one belongs into the workspace.
pub const MAX_ATTACHED_TEXT_BYTES: usize = MAX_MESSAGE_BYTES;
/// Characters of an attached file's name that are told.
pub const MAX_ATTACHED_NAME_CHARS: usize = 120;
/// Bytes in base64 of all pictures that one request shows a model: 24 MiB. Those of earlier messages give way, the oldest first, for
/// providers take requests of 20 MB (Google) to 32 MB (Anthropic).
pub const MAX_SHOWN_PICTURE_BYTES: usize = 24 * 1024 * 1024;
/// Pictures in a conversation that comes with a request: 100, as many as Anthropic takes.
pub const MAX_GIVEN_PICTURES: usize = 100;
/// Bytes of what a caller adds to the system prompt for one run: 20 KiB, as much as one file about who the agent is.
pub const MAX_EXTRA_PROMPT_BYTES: usize = 20 * 1024;
/// Bytes of a message with what is attached to it, as `POST /api/chat` takes it: base64 makes four bytes of three.
pub const MAX_CHAT_BODY_BYTES: usize =
    MAX_BODY_BYTES + MAX_ATTACHED_BYTES / 3 * 4 + MAX_ATTACHMENTS * 1024;
/// Tool calls that run at the same time. The next one is told to come back.
pub const MAX_CONCURRENT_CALLS: usize = 8;
/// How long a person has to answer a question, unless configured: five minutes. Meanwhile it holds the place of one call.
pub const DEFAULT_ANSWER_WITHIN: Duration = Duration::from_mins(5);
/// Bytes of the shortest token that the gateway starts with. `smoltbot init` makes longer ones.
pub const MIN_TOKEN_BYTES: usize = 16;
/// How long a stop waits for running calls before it ends them, unless configured.
pub const DEFAULT_DRAIN: Duration = Duration::from_secs(5);
/// How long connections get to say goodbye once their calls were ended.
pub const GOODBYE: Duration = Duration::from_secs(1);

/// Bytes of a tool's answer that a model is told: 48 KiB, about 12 000 tokens. Tools cut what they bring to [`MAX_RESULT_BYTES`], so
/// that this cuts only what has no such text, such as long lists.
pub const MAX_TOLD_BYTES: usize = 48 * 1024;
/// Bytes of the text that a tool brings: what a model is told, less 5 KiB for what stands around it, a path of 4096 bytes included.
pub const MAX_RESULT_BYTES: usize = MAX_TOLD_BYTES - 5 * 1024;
/// Bytes kept of a command's standard output, and as many of its standard error: both together are one answer.
pub const MAX_OUTPUT_BYTES: usize = MAX_RESULT_BYTES / 2;
/// Milliseconds that a command may run when it does not ask for another time: two minutes.
pub const DEFAULT_TIMEOUT_MS: u64 = 120_000;
/// Milliseconds that a command may ask for: ten minutes.
pub const MAX_TIMEOUT_MS: u64 = 600_000;
/// How long the output of a command that has ended is waited for, when something outside of its group holds it open.
pub const DRAIN_AFTER_EXIT: Duration = Duration::from_secs(1);

/// Shells that are open at the same time, over all chats. The one used longest ago gives way to a new one.
pub const MAX_SHELLS: usize = 8;
/// How long a shell stays open that nobody uses.
pub const SHELL_IDLE: Duration = Duration::from_mins(30);
/// How long a shell may take to open, unless configured.
pub const SHELL_START: Duration = Duration::from_secs(10);
/// How long a line whose time is up has to end once it is interrupted.
pub const INTERRUPT_GRACE: Duration = Duration::from_secs(2);
/// Characters of a shell's name.
pub const MAX_SHELL_NAME_CHARS: usize = 64;

/// Characters of an MCP server's name; they are part of each of its tools' names.
pub const MAX_MCP_NAME_CHARS: usize = 24;
/// Characters of a tool's name as models are told it: some providers take no more.
pub const MAX_OFFERED_NAME_CHARS: usize = 64;
/// Tools of one MCP server. All of them are told to the model in each request.
pub const MAX_MCP_TOOLS: usize = 128;
/// Bytes of one such tool's schema: 64 KiB. One with a larger schema is left out.
pub const MAX_MCP_SCHEMA_BYTES: usize = 64 * 1024;
/// Objects and lists within one another in such a schema: providers take no deeper ones.
pub const MAX_MCP_SCHEMA_DEPTH: usize = 32;
/// Pages on which one MCP server tells its tools. What it would tell on further ones is left out.
pub const MAX_MCP_PAGES: usize = 64;
/// Bytes of one such tool's description, cut in the middle.
pub const MAX_MCP_DESCRIPTION_BYTES: usize = 4 * 1024;
/// Bytes of one message of an MCP server: 16 MiB. A larger one is dropped.
pub const MAX_MCP_LINE_BYTES: usize = 16 * 1024 * 1024;
/// How long an MCP server may take to start and tell its tools, unless configured: npx may have to fetch it first.
pub const MCP_START_TIME: Duration = Duration::from_mins(1);
/// How long after the gateway's start a message waits for MCP servers that have not told their tools yet. Later ones wait for nobody.
pub const MCP_FIRST_WAIT: Duration = Duration::from_secs(3);
/// How long an MCP server may take for one call, unless configured.
pub const MCP_CALL_TIME: Duration = Duration::from_mins(5);
/// How long a connection to an MCP server on the web may take to be made.
pub const MCP_CONNECT_TIME: Duration = Duration::from_secs(10);
/// How long an MCP server that ended is left alone before it is started again; twice as long each time.
pub const MCP_FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How long at most.
pub const MCP_LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How long an MCP server must have run for its next end to count as its first.
pub const MCP_STEADY_TIME: Duration = Duration::from_mins(1);

/// Bytes of a file's text in one answer.
pub const MAX_FILE_BYTES: usize = MAX_RESULT_BYTES;
/// Bytes of a file that are read for one answer, skipped lines included: 64 MiB.
pub const MAX_FILE_SCAN_BYTES: u64 = 64 * 1024 * 1024;
/// Lines of a file in one answer when no limit is asked for.
pub const DEFAULT_FILE_LINES: u64 = 2000;
/// Entries of a directory in one answer, the first by name.
pub const MAX_LIST_ENTRIES: usize = 1000;
/// Levels that a listing may be asked to go down; it holds a directory of each open.
pub const MAX_LIST_DEPTH: u64 = 16;
/// Entries of a directory, and of those below it, that are read before the rest is left alone.
pub const MAX_LIST_SCAN: usize = 20_000;

/// Bytes of a file that `patch_file` changes: 8 MiB. It is held in memory twice.
pub const MAX_PATCH_BYTES: u64 = 8 * 1024 * 1024;
/// Places that are named when a text to be replaced occurs too often.
pub const MAX_PLACES: usize = 8;

/// Lines in one answer of a search.
pub const MAX_MATCHES: usize = 200;
/// Bytes shown of a line that matches.
pub const MAX_MATCH_BYTES: usize = 400;
/// Bytes of a file that is searched: 8 MiB. Larger ones are counted and left out.
pub const MAX_SEARCH_FILE_BYTES: u64 = 8 * 1024 * 1024;
/// Directories below one another that a search goes down; it holds each of them open.
pub const MAX_SEARCH_DEPTH: usize = 64;
/// How long a search looks before it answers with what it has.
pub const SEARCH_TIME: Duration = Duration::from_secs(20);
/// Bytes that a compiled search pattern may take: 1 MiB.
pub const MAX_PATTERN_SIZE: usize = 1024 * 1024;
/// Bytes of a `.gitignore` that are read: 256 KiB. A line that goes on behind them counts for nothing.
pub const MAX_IGNORE_BYTES: u64 = 256 * 1024;

/// Bytes of a page that `http_fetch` takes unless asked for another number: 256 KiB of HTML, of which most is no text. Of other texts it
/// takes no more than [`MAX_RESULT_BYTES`], for nobody would be told of the rest; of what is no text, nothing.
pub const DEFAULT_FETCH_BYTES: usize = 256 * 1024;
/// Bytes of a page that `http_fetch` may be asked for: 2 MiB.
pub const MAX_FETCH_BYTES: usize = 2 * 1024 * 1024;
/// Bytes that are told of one header of an answer: 1 KiB. A server may send hundreds of KiB.
pub const MAX_FETCHED_HEADER_BYTES: usize = 1024;
/// How long a fetch may take, redirects included.
pub const FETCH_TIME: Duration = Duration::from_secs(30);
/// Redirects that a fetch follows.
pub const MAX_REDIRECTS: usize = 5;
/// Headers that a fetch sends.
pub const MAX_FETCH_HEADERS: usize = 50;

/// Bytes of what a provider's failure is told with; its page of HTML is not.
pub const MAX_ERROR_BYTES: usize = 500;
/// Bytes of one tool call's arguments that are taken from a model: 1 MiB. A call beyond it fails, and the model is told.
pub const MAX_TOOL_INPUT_BYTES: usize = 1024 * 1024;
/// Bytes of everything that one answer of a model may stream: 16 MiB.
pub const MAX_REPLY_BYTES: usize = 16 * 1024 * 1024;

/// Models that have a place of their own in the metrics; requests to others are counted together. Clients may name any model.
pub const MAX_METRIC_MODELS: usize = 64;
/// Tools that have a place of their own in the metrics: those of the gateway and of a few MCP servers.
pub const MAX_METRIC_TOOLS: usize = 256;
/// Bytes of a name that has a place of its own in the metrics.
pub const MAX_METRIC_LABEL_BYTES: usize = 128;
/// Events that wait for the metrics' recorder before a thread makes it: what a start brings is less.
pub const METRICS_WAITING: usize = 64;
/// Events of the metrics, with samples at eight bytes and a little more each, that are kept one by one before they are folded into buckets.
pub const METRICS_FOLD_AFTER: u32 = 4096;

/// Conversations that are kept; the one that was silent longest goes first.
pub const MAX_SESSIONS: usize = 10_000;
/// Rounds of a model and its tools in one run. After the last one it must answer without tools.
pub const MAX_ROUNDS: usize = 25;
/// How often a run may make one and the same call with one and the same result before it is not made again.
pub const MAX_SAME_CALLS: usize = 3;
/// Calls of one answer that are made, as many as OpenAI's models may make; the model is told of the others that they were not.
pub const MAX_CALLS_OF_AN_ANSWER: usize = 128;
/// Answers with a repeated call that is held back before the model must answer without tools.
pub const MAX_HELD_BACK: usize = 3;
/// Ended runs whose answer can still be waited for.
pub const MAX_ENDED_RUNS: usize = 256;
/// Runs that are under way at the same time.
pub const MAX_RUNS: usize = 2048;
/// Tokens of a conversation, at four bytes each, from which on its older part is summarised, unless configured.
pub const DEFAULT_CONTEXT_TOKENS: usize = 100_000;
/// Messages at the end of a conversation that a summary leaves as they are, unless they alone are too long.
pub const KEPT_MESSAGES: usize = 10;
/// Bytes of one file about who the agent is; the rest is left out and said so: 20 KiB.
pub const MAX_SOUL_FILE_BYTES: usize = 20 * 1024;
/// Bytes of all these files together: 80 KiB.
pub const MAX_SOUL_BYTES: usize = 80 * 1024;

/// Bytes of a request to `/v1/chat/completions`: 16 MiB; whole conversations come with each, and pictures.
pub const MAX_COMPLETION_BODY_BYTES: usize = 16 * 1024 * 1024;
/// Messages of a conversation that comes with a request.
pub const MAX_GIVEN_MESSAGES: usize = 4096;
/// Tools that come with a request, as with OpenAI.
pub const MAX_GIVEN_TOOLS: usize = 128;
/// Texts that end an answer, as with OpenAI.
pub const MAX_STOP_TEXTS: usize = 4;
/// How long a streamed answer says nothing before it gives a sign of life: 15 s. Proxies give up after 30 to 100 s of silence,
/// Node.js after 300 s, and a tool may run for longer.
pub const STREAM_ALIVE_EVERY: Duration = Duration::from_secs(15);

/// Bytes of a webhook: 256 KiB, as all of it is shown to the model.
pub const MAX_WEBHOOK_BYTES: usize = 256 * 1024;
/// Bytes of the shortest secret that a source of webhooks may have.
pub const MIN_WEBHOOK_SECRET_BYTES: usize = 16;
/// How far a webhook's own time may be away from ours: five minutes, as Standard Webhooks advises.
pub const WEBHOOK_WINDOW: Duration = Duration::from_mins(5);
/// Webhooks that are remembered, so that a repeated delivery runs once.
pub const MAX_SEEN_WEBHOOKS: usize = 10_000;

/// Conversations, or messages of one, in one answer when no number is asked for.
pub const DEFAULT_LISTED: u32 = 100;
/// Conversations, or messages of one, in one answer.
pub const MAX_LISTED: u32 = 1000;
/// Characters of the words that a conversation began with, as its title.
pub const MAX_TITLE_CHARS: usize = 80;

/// Bytes that are kept of a tool call's arguments beyond [`MAX_TOOL_INPUT_BYTES`], for the model to recognise its own call by.
pub const KEPT_OF_OVERLONG_INPUT: usize = 512;
/// Bytes of unreadable arguments that a failure shows, cut in the middle: enough to see where the model went astray.
pub const MAX_SHOWN_ARGUMENTS: usize = 400;
/// Bytes of a provider's error that are read: 64 KiB.
pub const MAX_ERROR_BODY_BYTES: usize = 64 * 1024;
/// How long a connection to a provider may take to be made, unless configured.
pub const PROVIDER_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a provider may take to the first byte of its answer, unless configured. A local model is loaded in that time.
pub const PROVIDER_FIRST_BYTE_TIMEOUT: Duration = Duration::from_mins(3);
/// How long a provider may say nothing within an answer, unless configured. Providers send signs of life more often.
pub const PROVIDER_IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// How long a whole answer may take, unless configured: signs of life alone must not keep a session for ever.
pub const PROVIDER_WHOLE_TIMEOUT: Duration = Duration::from_mins(30);
/// How long the end of a stream is awaited after the answer's, so that the connection can be used again; nobody waits for it.
pub const PROVIDER_DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest time to wait that is believed of a provider: a day.
pub const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);
/// Times that a model is asked again after a passing failure, unless configured.
pub const MODEL_RETRIES: u32 = 2;
/// The first wait before a model is asked again is at most this long; each further one at most twice the one before.
pub const RETRY_BASE: Duration = Duration::from_millis(500);
/// No wait before a model is asked again is longer.
pub const RETRY_CAP: Duration = Duration::from_secs(8);
/// Sessions of which it is remembered who answered them last.
pub const MAX_STICKY_SESSIONS: usize = 10_000;

/// Bytes of a WebSocket frame before its sender has shown the token: 64 KiB.
pub const MAX_GREETING_BYTES: usize = 64 * 1024;
/// Bytes of a WebSocket frame of the simple dialect: 128 KiB.
pub const MAX_SIMPLE_FRAME_BYTES: usize = 128 * 1024;
/// Bytes of a WebSocket frame of OpenClaw's dialect: 25 MiB, as OpenClaw has it.
pub const MAX_FRAME_BYTES: usize = 25 * 1024 * 1024;
/// How long a WebSocket has to say who it is.
pub const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Sockets of `/ws` that have not shown the token yet, all together. The next one is told to come back.
pub const MAX_STRANGERS: usize = 16;
/// Sockets of `/ws` at the same time.
pub const MAX_SOCKETS: usize = 4096;
/// Requests of one WebSocket that are answered at the same time. The next one is told to come back.
pub const MAX_SOCKET_REQUESTS: usize = 64;
/// How long a WebSocket may take to read one frame that is written to it before it is closed.
pub const WRITE_WITHIN: Duration = Duration::from_secs(30);
/// How often a WebSocket hears that the gateway is there.
pub const TICK_EVERY: Duration = Duration::from_secs(30);
/// Connections that presence tells of, the latest: 200, as OpenClaw has it.
pub const MAX_PRESENCE: usize = 200;
/// Characters of what a client says of itself that presence tells: its name, its version and the like.
pub const MAX_PRESENCE_CHARS: usize = 100;
/// How soon after an event of presence or health the next one of its kind comes: one second. What changes meanwhile comes with it, so
/// that a thousand clients that connect at once do not each make a thousand events.
pub const NEWS_PAUSE: Duration = Duration::from_secs(1);
/// How far a device's clock may be from ours when it signs: two minutes, as OpenClaw has it.
pub const DEVICE_CLOCK_SKEW: Duration = Duration::from_mins(2);
/// Characters of a tool's output in an event of the simple dialect.
pub const MAX_SHOWN_OUTPUT_CHARS: usize = 500;
