//! What has gone wrong with other gateways of this kind, and must not with this one: a test for each incident, by the real binary
//! and real sockets. The number and the name of an incident stand at its test.
//!
//! | incident | what went wrong | test |
//! | --- | --- | --- |
//! | 1, CVE-2026-25253 | a page took its gateway from its address, and told it the token | `sites::a_page_takes_nothing_from_its_address`, and in a browser `e2e/browser/model.test.mjs` |
//! | 2, CVE-2026-25253 | any website could open the local socket | `sites::another_site_gets_no_socket` |
//! | 3, CVE-2026-25593 | a method that changed the configuration asked for no token | `strangers::nothing_is_changed_without_the_token` |
//! | 4, CVE-2026-28472 | a token that was there, not one that was right, let in | `strangers::a_token_that_is_not_the_token_opens_nothing` |
//! | 5, GHSA-rqpp-rjj8-7wv8 | the scopes that a client claimed were kept | `claims::what_a_client_claims_of_its_scopes_is_dropped` |
//! | 6, CVE-2026-44118 | who said that they were the owner was believed | `claims::who_says_that_they_are_the_owner_is_not_believed` |
//! | 7, GHSA-m8wm-r5vq-qjpg | a token that was changed went on working | `rotation::*` |
//! | 8, CVE-2026-26322 | a tool fetched whatever address it was given | `reach::no_tool_reaches_inside`; names that change their address: `gateway`'s `tools::http_fetch` |
//! | 9, PR 42507 | what began with `127.` was taken for this machine | `sites::a_name_that_looks_like_loopback_is_none` |
//! | 10, CVE-2026-22174 | the token went along when a port was tried | `reach::what_looks_who_is_there_carries_no_secret` |
//! | 11, GHSA-943q-mwmv-hhvh | dangerous tools could be called over HTTP | `ways_in::no_way_in_calls_a_tool_past_the_conscience` |
//! | 12, GHSA-2xcp-x87w-q377 | a webhook chose the session that it went to | `ways_in::what_a_webhook_says_chooses_nothing` |
//! | 13, CVE-2026-27002 | options opened the sandbox that a tool ran in | `house::no_option_opens_a_sandbox` |
//! | 14, CVE-2026-44112 and 44113 | a link changed between the look and the touch | `house::a_link_that_changes_leads_nowhere`; at length: `files` and `writing` of `gateway/core/tests/gateway` |
//! | 15, `ClawHavoc` | plugins ran by lying there; gateways stood open to everybody | `house::what_lies_around_is_not_run`, `house::nobody_comes_in_from_outside_without_a_token` |

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

mod claims;
mod house;
mod reach;
mod rotation;
mod sites;
mod strangers;
mod ways_in;
