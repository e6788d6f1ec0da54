//! A batch that is ready to go, and how it is made of what waits: a slice at a time, so that what is under way meanwhile goes on.

use std::ops::Range;

use aap::StreamId;
use aap::batch::{BatchError, BatchWriter, Item};
use aap::chain::Header;
use axum::body::Bytes;
use ed25519_dalek::SigningKey;
use serde_json::value::RawValue;

use crate::spool::{Spool, SpoolError};

/// Links that are read and proven before others may go on: half a millisecond, about.
const SLICE: usize = 32;

/// One link of a batch.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) header: Header,
    /// Where its document stands in the body; none where the content is held back.
    document: Option<Range<usize>>,
}

/// A batch as it goes out.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) links: Vec<Link>,
    /// The request's body, which holds the documents.
    pub(super) body: Bytes,
}

impl Ready {
    /// The place of its last link.
    pub(super) fn last(&self) -> Option<(StreamId, u64)> {
        place(&self.links)
    }

    /// The link of `index` with its document.
    pub(super) fn item(&self, index: usize) -> Item {
        let link = &self.links[index];
        let document = link.document.clone().map(|range| {
            // It was a text before it was copied into the body.
            String::from_utf8_lossy(&self.body[range]).into_owned()
        });
        Item {
            header: link.header.clone(),
            document: document.and_then(|text| RawValue::from_string(text).ok()),
        }
    }
}

fn place(links: &[Link]) -> Option<(StreamId, u64)> {
    let last = links.last()?;
    Some((last.header.stream, last.header.seq))
}

/// The batch of the first links that wait, or of those that follow the link `after`: at most `most`. None if there are none.
pub(super) async fn prepare(
    spool: &mut Spool,
    key: &SigningKey,
    after: Option<(StreamId, u64)>,
    most: usize,
) -> Result<Option<Ready>, SpoolError> {
    let mut links: Vec<Link> = Vec::with_capacity(most);
    let mut writer = BatchWriter::default();
    'slices: while links.len() < most {
        let slice = SLICE.min(most - links.len());
        let run = spool.run_after(place(&links).or(after), slice)?;
        if run.is_empty() {
            break;
        }
        for link in run {
            match writer.push(&link.header, link.digest, link.document.as_deref()) {
                Ok(document) => links.push(Link {
                    header: link.header,
                    document,
                }),
                // It goes with the next.
                Err(BatchError::Broken(_) | BatchError::TooLarge | BatchError::TooMany)
                    if !links.is_empty() =>
                {
                    break 'slices;
                }
                Err(error) => {
                    tracing::error!(%error, seq = link.header.seq, "a link of the spool fits into no batch");
                    break 'slices;
                }
            }
        }
        tokio::task::yield_now().await;
    }
    Ok(writer.sign(key).ok().map(|batch| Ready {
        links,
        body: batch.into_body().into(),
    }))
}
