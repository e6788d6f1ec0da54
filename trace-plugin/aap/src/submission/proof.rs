//! The proof of a batch: one agent, one stream, link by link, and a note on the last.

use ed25519_dalek::VerifyingKey;

use super::{Item, ProvenCheckpoint};
use crate::chain::genesis;
use crate::note::Checkpoint;

/// Checks that the items' headers are a run of one stream and that `note` signs its end.
pub(super) fn prove(
    items: &[Item],
    note: &str,
    key: Option<VerifyingKey>,
) -> Result<ProvenCheckpoint, String> {
    let key =
        key.ok_or("the agent's public key is not known here: send public_key, or its card first")?;
    let checkpoint = Checkpoint::open(note, &key).map_err(|error| error.to_string())?;
    let mut before = None;
    for (index, item) in items.iter().enumerate() {
        let link = item.link.as_ref().ok_or_else(|| {
            format!("trace {index} of this signed batch has no readable place in the chain")
        })?;
        let header = &link.header;
        if (header.agent_id, header.stream) != (checkpoint.agent_id, checkpoint.stream) {
            return Err(format!(
                "trace {index} belongs to another agent or stream than the checkpoint"
            ));
        }
        match before {
            None if header.seq == 0 => return Err("seq starts at 1".to_owned()),
            None if header.seq == 1
                && item.document_known()
                && header.prev != genesis(header.agent_id, header.stream, item.succeeds) =>
            {
                return Err(
                    "the first trace of the stream does not start it: wrong prev".to_owned(),
                );
            }
            None => {}
            Some((seq, digest)) => {
                if header.seq != seq + 1 {
                    return Err(format!(
                        "the chain is not whole: seq {} follows {seq}",
                        header.seq
                    ));
                }
                if header.prev != digest {
                    return Err(format!(
                        "the chain is broken at seq {}: wrong prev",
                        header.seq
                    ));
                }
            }
        }
        before = Some((header.seq, link.digest));
    }
    if before != Some((checkpoint.seq, checkpoint.digest)) {
        return Err("the checkpoint signs another link than the batch's last".to_owned());
    }
    Ok(ProvenCheckpoint {
        checkpoint,
        note: note.to_owned(),
        public_key: key,
    })
}

impl Item {
    /// Whether the content is here: only then is it known which stream this one goes on from.
    fn document_known(&self) -> bool {
        self.read
            .as_ref()
            .is_ok_and(|trace| trace.document.is_some())
    }
}
