//! What can go wrong between a sidecar and its edge.

use crate::dice::Dice;

/// One thing that goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The connection is closed before anything is read.
    Refused,
    /// The request is read and never forwarded.
    Swallowed,
    /// The edge has committed; the connection is closed before a byte of the answer.
    CutBeforeHeaders,
    /// The same, in the middle of the headers.
    CutInHeaders,
    /// The same, in the middle of the body.
    CutInBody,
    /// The edge has committed; the answer comes a byte at a time, for longer than anybody waits.
    SlowLoris,
    /// The client is hung up on at once, and the edge gets the request later than the next one.
    Overtaken,
    /// The edge gets the request twice; the second answer is passed on.
    Replayed,
    /// 429 with this `Retry-After`, if any.
    SlowDown(Option<&'static str>),
    /// This status, with a page that no edge writes.
    Status(u16),
    /// 200 with a page of a captive portal.
    Garbage,
    /// 200 without a body.
    Empty,
    /// 200 with JSON that names nothing.
    NamesNothing,
    /// 200 with JSON that names only ids that were never sent.
    NamesOthers,
    /// The edge has committed; its answer names every second trace only.
    NamesSome,
    /// The edge has committed; its answer names the traces in another order.
    NamesBackwards,
}

impl Trouble {
    /// All of them, by the names that runs are reported with.
    pub const ALL: [(&'static str, Self); 26] = [
        ("connection-refused", Self::Refused),
        ("request-swallowed", Self::Swallowed),
        ("cut-before-headers", Self::CutBeforeHeaders),
        ("cut-in-headers", Self::CutInHeaders),
        ("cut-in-body", Self::CutInBody),
        ("slow-loris", Self::SlowLoris),
        ("overtaken", Self::Overtaken),
        ("replayed", Self::Replayed),
        ("429-seconds", Self::SlowDown(Some("1"))),
        ("429-date", Self::SlowDown(Some("DATE"))),
        (
            "429-past-date",
            Self::SlowDown(Some("Sun, 06 Nov 1994 08:49:37 GMT")),
        ),
        ("429-absent", Self::SlowDown(None)),
        ("429-words", Self::SlowDown(Some("soon"))),
        ("429-negative", Self::SlowDown(Some("-5"))),
        ("500", Self::Status(500)),
        ("502", Self::Status(502)),
        ("503", Self::Status(503)),
        ("504", Self::Status(504)),
        ("408", Self::Status(408)),
        ("401", Self::Status(401)),
        ("garbage-200", Self::Garbage),
        ("empty-200", Self::Empty),
        ("names-nothing", Self::NamesNothing),
        ("names-others", Self::NamesOthers),
        ("names-some", Self::NamesSome),
        ("names-backwards", Self::NamesBackwards),
    ];

    /// One of all.
    pub fn any(dice: &mut Dice) -> (&'static str, Self) {
        *dice.one(&Self::ALL)
    }

    /// Whether the edge gets the request all the same.
    pub fn forwards(self) -> bool {
        matches!(
            self,
            Self::CutBeforeHeaders
                | Self::CutInHeaders
                | Self::CutInBody
                | Self::SlowLoris
                | Self::Overtaken
                | Self::Replayed
                | Self::NamesSome
                | Self::NamesBackwards
        )
    }
}
