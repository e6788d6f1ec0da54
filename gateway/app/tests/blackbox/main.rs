//! The black-box checks of the gateway: the real binary, sockets, and a model's server that speaks OpenAI's wire format. Checks come
//! from what another gateway of this kind does or ought to do; where the two differ, from what it ought to do. Each test names the
//! numbers of the checks that it proves.
//!
//! | check | what holds | test |
//! | --- | --- | --- |
//! | 1 | the first frame is `connect.challenge` with a nonce | `handshake::a_socket_begins_with_a_challenge` |
//! | 2 | a request before `connect` is an error, and the socket stays open | `handshake::before_connect_nothing_is_done` |
//! | 3, 8 | the token lets in; answers have `payload` or `error`, never both | `handshake::the_token_lets_in` |
//! | 4, 5, 6 | a wrong token, no parameters, another mode: told, then closed | `handshake::whoever_does_not_show_it_is_told_and_closed` |
//! | 7 | who says nothing is closed after 10 s | `waiting::who_says_nothing_is_closed_after_ten_seconds` |
//! | 9, 10, 12 | events need no answer; broken frames and unknown methods get one | `frames::every_frame_is_answered_and_the_socket_stays` |
//! | 11 | 131072 bytes pass, 131073 are told and closed | `frames::a_frame_has_128_kib` |
//! | 13, 28 | a tick every 30 s; an idle socket takes no time of the processor and is counted | `waiting::an_idle_socket_hears_a_tick_and_costs_nothing` |
//! | 14, 15 | `ping`; a message must say something | `chat::what_is_asked_badly_is_told` |
//! | 16 | words come before the answer, and are the answer | `chat::words_come_before_the_answer_and_are_it` |
//! | 17 | without `stream` there are none | `chat::without_a_stream_there_is_the_answer_alone` |
//! | 18 | a tool is told running, then done | `chat::a_tool_is_told_running_and_done_before_the_answer` |
//! | 19, 27 | a slow answer, and a slow tool, hold up nobody | `chat::what_is_slow_holds_nobody_up` |
//! | 20 | `/model` is a command and changes the default | `chat::a_command_changes_the_default_model` |
//! | 21 | a model for one message | `chat::a_message_may_name_its_model` |
//! | 22 to 26, 33 | memory, scheduler, terminal and script plugins are not in this version, and say so | `frames::what_this_version_has_not_says_so` |
//! | 29 | webhooks: proven ones are taken in before the model is asked | `webhooks::what_is_proven_is_taken_in_at_once_and_nothing_else` |
//! | 30 | `/v1/chat/completions`: token, model, history, `max_tokens`, a user's message | `http::completions_are_openais` |
//! | 31 | OpenClaw's `connect` gets `hello-ok` with the methods | `handshake::openclaws_connect_gets_hello_ok` |
//! | 32 | a wrong configuration ends the start; nothing listens | `start::a_wrong_configuration_never_listens` |
//!
//! The same limits to the byte and the half second, on a clock that tests turn, and all of OpenClaw's dialect are in
//! `gateway/core/tests/gateway/ws`; what a tool's turn leaves on the dashboard is in `tests/models`.

#![allow(
    clippy::unwrap_used,
    reason = "in a test a failed unwrap is the message, in its helpers too"
)]

#[path = "../support/chat.rs"]
mod chats;
#[path = "../support/socket.rs"]
mod socket;
#[path = "../support/mod.rs"]
mod support;

mod chat;
mod frames;
mod handshake;
mod http;
mod start;
mod waiting;
mod webhooks;
