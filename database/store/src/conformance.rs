//! The suite that every store must pass.
//!
//! A store's own tests call [`crate::conformance!`] with the path of an `async fn() -> (Store, Guard)` that makes an empty
//! store; the guard, such as a temporary directory, lives as long as the store. Each case becomes one `#[tokio::test]`.
//! Inputs are made the way an agent makes them and come in through [`aap::Submission`], so that a store meets nothing here
//! that it would not meet from a client. Ids are counted, times are given: every run is the same.

#![allow(clippy::unwrap_used)] // A failed assertion is the message here, as in tests.

mod active;
mod agents;
mod appending;
mod chains;
mod filters;
mod input;
mod paging;
mod pictures;
mod statistics;

pub use active::*;
pub use agents::*;
pub use appending::*;
pub use chains::*;
pub use filters::*;
pub use input::{Agent, NOW, Store, flat, flat_batch, held_back, now, send};
pub use paging::*;
pub use pictures::*;
pub use statistics::*;

/// Makes one `#[tokio::test]` of every case; see [`crate::conformance`](mod@crate::conformance).
#[macro_export]
macro_rules! conformance {
    ($make:path) => {
        $crate::conformance!(@cases $make;
            a_batch_sent_again_is_a_duplicate,
            another_content_of_an_id_is_a_conflict,
            what_is_known_of_a_batch_is_a_duplicate_and_the_rest_is_stored,
            one_trace_twice_in_a_batch_is_stored_once,
            an_empty_batch_is_answered_with_nothing,
            odd_times_are_listed_under_receipt,
            flat_traces_stand_beside_signed_ones,
            whole_documents_come_back,
            unicode_and_the_largest_document_come_back,
            what_is_absent_is_none,
            content_fills_in_its_header,
            a_header_after_its_content_is_a_duplicate,
            gaps_are_seen_and_closed,
            equivocations_are_kept_with_their_note,
            forks_between_batches_are_kept,
            a_seq_that_cannot_be_ordered_is_rejected,
            conflicts_leave_no_stream_behind,
            notes_are_kept_by_trace,
            pages_go_both_ways,
            ties_in_time_are_ordered_by_id,
            many_pages_under_writes_have_no_gap_and_no_double,
            positions_rise_and_nothing_appears_behind_them,
            odd_limits_are_brought_into_bounds,
            each_filter_alone,
            filters_together,
            losses_are_found_among_other_errors,
            text_is_searched_literally,
            refusals_are_listed_with_their_reasons,
            agents_are_counted,
            sessions_are_counted,
            cards_are_kept_and_the_newest_is_in_force,
            cards_of_several_agents_are_those_in_force,
            every_version_of_a_card_is_kept,
            cards_are_found_by_their_id,
            neighbours_are_the_agents_own,
            facets_count_what_the_filter_leaves,
            the_longest_come_first,
            sessions_are_told_call_by_call,
            links_can_be_worked_out_again,
            stats_count_everything_once,
            stats_have_empty_buckets,
            stats_obey_the_filter,
            stats_at_the_edges_of_a_span,
            percentiles_are_close,
            the_longest_duration_is_counted,
            content_that_comes_later_is_counted_once,
            the_most_active_are_told,
            activity_obeys_the_filter
        );
    };
    (@cases $make:path; $($case:ident),+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let (store, _guard) = $make().await;
                $crate::conformance::$case(&store).await;
            }
        )+
    };
}
