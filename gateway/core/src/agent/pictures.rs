//! Pictures of a conversation: they are sent again with each request, as long as there is room and the model takes them.

use crate::limits::MAX_SHOWN_PICTURE_BYTES;
use crate::model::{ErrorKind, Message, Part};

/// What stands where a picture was.
const LEFT_OUT: &str = "[a picture was here; it is left out]";

/// Leaves out what is too much for one request, the oldest first; but nothing from message `own` on, which is what was asked just now.
pub(super) fn bound(messages: &mut [Message], own: usize) {
    let mut room = MAX_SHOWN_PICTURE_BYTES;
    for (at, message) in messages.iter_mut().enumerate().rev() {
        for part in message.parts.iter_mut().rev() {
            let Part::Image { data, .. } = &*part else {
                continue;
            };
            if let Some(left) = room.checked_sub(data.len()) {
                room = left;
                continue;
            }
            room = 0;
            if at < own {
                *part = left_out();
            }
        }
    }
}

/// Leaves all of them out; false where there are none.
pub(super) fn leave_out(messages: &mut [Message]) -> bool {
    let mut any = false;
    for part in messages.iter_mut().flat_map(|message| &mut message.parts) {
        if matches!(part, Part::Image { .. }) {
            *part = left_out();
            any = true;
        }
    }
    any
}

/// Whether a failure may be a picture's fault, so that the same would come of it with every later message.
pub(super) fn may_be_to_blame(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Picture | ErrorKind::Invalid | ErrorKind::ContextLength
    )
}

fn left_out() -> Part {
    Part::Text {
        text: LEFT_OUT.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Role;

    fn message(sizes: &[usize]) -> Message {
        let picture = |size: &usize| Part::Image {
            media_type: "image/png".to_owned(),
            data: "A".repeat(*size),
        };
        Message {
            role: Role::User,
            parts: sizes.iter().map(picture).collect(),
        }
    }

    fn left(messages: &[Message]) -> Vec<Vec<bool>> {
        let is = |part: &Part| matches!(part, Part::Image { .. });
        let of = |message: &Message| message.parts.iter().map(is).collect();
        messages.iter().map(of).collect()
    }

    #[test]
    fn the_oldest_give_way_and_what_is_asked_now_does_not() {
        let half = MAX_SHOWN_PICTURE_BYTES / 2;
        let mut messages = [message(&[1]), message(&[half, half]), message(&[1])];
        bound(&mut messages, 2);
        assert_eq!(
            left(&messages),
            [vec![false], vec![false, true], vec![true]]
        );
        let mut own = [message(&[1]), message(&[half, half, half])];
        bound(&mut own, 1);
        assert_eq!(left(&own), [vec![false], vec![true, true, true]]);
        let mut few = [message(&[1]), message(&[half])];
        bound(&mut few, 1);
        assert_eq!(left(&few), [[true], [true]]);
        assert!(leave_out(&mut few) && !leave_out(&mut few));
    }
}
