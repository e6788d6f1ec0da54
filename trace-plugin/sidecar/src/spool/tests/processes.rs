//! Many at one spool.

use super::*;

#[test]
fn writers_take_turns_and_make_one_chain() {
    let bench = Bench::new();
    drop(bench.open());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..40 {
                    let (agent, patience) = (bench.identity.agent_id(), Duration::from_secs(30));
                    let opened =
                        Spool::open_repairing(&bench.path(), agent, patience, Use::OneShot);
                    let trace = bench.prepared(n);
                    opened
                        .unwrap()
                        .transact(n % 4 == 0, |tx| tx.append(vec![trace]))
                        .unwrap();
                }
            });
        }
    });
    let spool = bench.open();
    assert_eq!(bench.proven(&spool), (1..=160).collect::<Vec<_>>());
    assert_eq!(spool.depth().unwrap().dropped, 0);
}

#[test]
fn many_that_make_the_file_at_once_are_all_served() {
    for _ in 0..30 {
        let bench = Bench::new();
        let start = std::sync::Barrier::new(8);
        let opened = std::thread::scope(|scope| {
            let opening: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let (path, agent) = (bench.path(), bench.identity.agent_id());
                        start.wait();
                        Spool::open(&path, agent, Duration::from_secs(30), Use::OneShot).map(drop)
                    })
                })
                .collect();
            let opened = opening.into_iter().map(|one| one.join().unwrap());
            opened.collect::<Result<Vec<_>, _>>()
        });
        opened.unwrap();
    }
}
