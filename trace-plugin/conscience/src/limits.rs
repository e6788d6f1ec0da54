//! The named bounds that keep a judgement small, whatever an agent sends.

/// Longest text (a shell line, a script, a statement, a patch) that is read, in bytes. Anything longer is effect
/// `opaque:too_long`, which the rule `opaque.too_long` refuses.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// How deep text may hold further text to run (`sh -c "sh -c …"`, `$(…)`, here-documents, functions).
pub const MAX_DEPTH: usize = 12;

/// How deep brackets and compound commands may nest within one text. The parser recurses once or more a level,
/// so this also bounds the stack.
pub const MAX_NESTING: usize = 24;

/// How deep round brackets may nest that are no `$(…)`: the parser tries `((…))` both as arithmetic and as two subshells, so each
/// further level doubles its work. At this depth that is far below a millisecond.
pub const MAX_SUBSHELLS: usize = 10;

/// How many simple commands one call may come to, loops and functions unrolled.
pub const MAX_COMMANDS: usize = 2_000;

/// How many words one brace expansion may make (`{a,b}{c,d}` makes four). Past it the call is effect
/// `opaque:too_complex`; of a range (`{1..9999}`), whose words are all alike, the first ones are read.
pub const MAX_BRACE_WORDS: usize = 1_024;

/// How many braces one word may have. Past it the call is effect `opaque:too_complex`.
pub const MAX_BRACES: usize = 16;

/// How many values of a `for` loop are followed one by one; the rest are taken to be like them.
pub const MAX_LOOP_VALUES: usize = 32;

/// What reading one call may cost, in units of about a tenth of a microsecond (a token costs eight). Past it the call is
/// effect `opaque:too_complex`: this is what keeps any text within five milliseconds.
pub const MAX_WORK: usize = 30_000;

/// Longest value that a word or variable may expand to, in bytes. Longer ones become unknown.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// How many effects of one call are judged; a call that has more is effect `opaque:too_complex` as well.
pub const MAX_EFFECTS: usize = 256;

/// How deep the command of a shell tool may be wrapped in objects and arrays of its parameters.
pub const MAX_PARAMS_DEPTH: usize = 4;

/// How many secrets that a session has read are remembered, the newest ones. That there were any is what rules ask.
pub const MAX_SESSION_SECRETS: usize = 32;

/// How many signs that combine (`&&`, `||`, `!`, brackets, dots, sums, commas) one policy of a file may have. Cedar follows each
/// with a call of its own, so this bounds its stack; a policy that a person wrote has a few dozen.
pub const MAX_POLICY_SIGNS: usize = 500;
