//! A way to the recorder that takes so many at a time and no more, and room only for those that wait.

use crossbeam_channel::{Receiver, Sender, unbounded};

/// Where they are handed over. A channel with a limit of its own would set aside the room of all that it may ever hold.
pub(super) struct Queue<T> {
    sender: Sender<T>,
    most: usize,
}

/// There is no room, or the recorder has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the recorder has too much to do, or has stopped")]
pub(super) struct Refused;

impl<T> std::fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Queue({} of {})", self.sender.len(), self.most)
    }
}

impl<T> Queue<T> {
    /// A queue that takes `most` at a time; a few more when that many threads hand over in the same instant.
    pub(super) fn of(most: usize) -> (Self, Receiver<T>) {
        let (sender, receiver) = unbounded();
        (Self { sender, most }, receiver)
    }

    /// Hands over at once, or not at all.
    pub(super) fn try_send(&self, item: T) -> Result<(), Refused> {
        if self.sender.len() >= self.most {
            return Err(Refused);
        }
        self.send(item)
    }

    /// Hands over at once, however many wait.
    pub(super) fn send(&self, item: T) -> Result<(), Refused> {
        self.sender.send(item).map_err(|_| Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_it_may_hold_and_goes_on_when_there_is_room() {
        let (queue, receiver) = Queue::of(2);
        assert_eq!(queue.try_send(1), Ok(()));
        assert_eq!(queue.try_send(2), Ok(()));
        assert_eq!(queue.try_send(3), Err(Refused));
        assert_eq!(receiver.recv(), Ok(1));
        assert_eq!(queue.try_send(4), Ok(()));
        assert_eq!(queue.send(5), Ok(()), "an end is told in any case");
        assert_eq!(receiver.iter().take(3).collect::<Vec<_>>(), [2, 4, 5]);
        drop(receiver);
        assert_eq!(queue.try_send(6), Err(Refused));
        assert_eq!(queue.send(6), Err(Refused));
    }
}
