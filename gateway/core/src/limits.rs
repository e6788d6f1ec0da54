//! Every limit of the gateway, with its unit and its reason.

use std::time::Duration;

/// Bytes of one chat message: 64 KiB. A pasted file belongs into the workspace.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// Bytes of a request body: JSON may write each byte of a message as six (`\u0000`), plus 4 KiB for what is around it.
pub const MAX_BODY_BYTES: usize = 6 * MAX_MESSAGE_BYTES + 4 * 1024;
/// How long a request body may take to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
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

/// Bytes kept of a command's standard output, and as many of its standard error.
pub const MAX_OUTPUT_BYTES: usize = 32 * 1024;
/// Milliseconds that a command may run when it does not ask for another time: two minutes.
pub const DEFAULT_TIMEOUT_MS: u64 = 120_000;
/// Milliseconds that a command may ask for: ten minutes.
pub const MAX_TIMEOUT_MS: u64 = 600_000;
/// How long the output of a command that has ended is waited for, when something outside of its group holds it open.
pub const DRAIN_AFTER_EXIT: Duration = Duration::from_secs(1);

/// Bytes of a file's text in one answer.
pub const MAX_FILE_BYTES: usize = 64 * 1024;
/// Bytes of a file that are read for one answer, skipped lines included: 64 MiB.
pub const MAX_FILE_SCAN_BYTES: u64 = 64 * 1024 * 1024;
/// Lines of a file in one answer when no limit is asked for.
pub const DEFAULT_FILE_LINES: u64 = 2000;
/// Entries of a directory in one answer, the first by name.
pub const MAX_LIST_ENTRIES: usize = 1000;
/// Entries of a directory that are read before the rest is left alone.
pub const MAX_LIST_SCAN: usize = 20_000;
