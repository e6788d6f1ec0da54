//! How many exports are on their way, in all and to each network.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{MAX_EXPORTS, MAX_EXPORTS_PER_NETWORK};
use crate::limiter::Network;

/// Exports of one process; shared by its clones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seats(Arc<Mutex<HashMap<Network, usize>>>);

impl Seats {
    fn taken(&self) -> MutexGuard<'_, HashMap<Network, usize>> {
        // Every change is whole before anything that could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat for one export, if there is one.
    pub(crate) fn take(&self, network: Network) -> Option<Seat> {
        let mut taken = self.taken();
        let here = taken.get(&network).copied().unwrap_or_default();
        if here >= MAX_EXPORTS_PER_NETWORK || taken.values().sum::<usize>() >= MAX_EXPORTS {
            return None;
        }
        taken.insert(network, here + 1);
        Some(Seat {
            seats: self.clone(),
            network,
        })
    }
}

/// One export's place; leaves when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Seats,
    network: Network,
}

impl Seat {
    pub(crate) fn network(&self) -> Network {
        self.network
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        match taken.get_mut(&self.network) {
            Some(here) if *here > 1 => *here -= 1,
            _ => {
                taken.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::ClientNet;

    fn network(last: u8) -> Network {
        ClientNet(IpAddr::from([192, 0, 2, last])).into()
    }

    #[test]
    fn seats_are_bounded_and_free_again_when_left() {
        let seats = Seats::default();
        let mut held = Vec::new();
        for last in 0..4 {
            for _ in 0..MAX_EXPORTS_PER_NETWORK {
                held.push(seats.take(network(last)).unwrap());
            }
            assert!(
                seats.take(network(last)).is_none(),
                "its network's last is taken"
            );
        }
        assert_eq!(held.len(), MAX_EXPORTS);
        assert!(seats.take(network(9)).is_none(), "all are taken");
        held.pop();
        assert!(seats.take(network(9)).is_some());
        held.clear();
        assert!(seats.taken().is_empty());
    }
}
