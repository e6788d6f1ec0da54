use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::FutureExt as _;
use serde_json::json;

use super::*;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A resolver that answers from a table and counts; work behind waits until it is run.
#[derive(Clone)]
struct World {
    proofs: Proofs,
    now: Arc<AtomicI64>,
    asked: Arc<Mutex<Vec<String>>>,
    waiting: Arc<Mutex<VecDeque<Work>>>,
    records: Arc<Mutex<Records>>,
}

/// None: no answer ever comes.
type Records = Option<Result<Vec<String>, NoAnswer>>;

struct Table(Arc<Mutex<Vec<String>>>, Arc<Mutex<Records>>);

impl ResolveTxt for Table {
    fn txt(&self, name: String) -> Answer {
        self.0.lock().unwrap().push(name);
        match self.1.lock().unwrap().clone() {
            Some(said) => Box::pin(async move { said }),
            None => Box::pin(std::future::pending()),
        }
    }
}

impl World {
    fn new(records: Records) -> Self {
        let now = Arc::new(AtomicI64::new(1_000_000_000));
        let (asked, waiting) = (Arc::default(), Arc::<Mutex<VecDeque<_>>>::default());
        let records = Arc::new(Mutex::new(records));
        let (clock, queue) = (Arc::clone(&now), Arc::clone(&waiting));
        let proofs = Proofs::new(Ports {
            resolver: Arc::new(Table(Arc::clone(&asked), Arc::clone(&records))),
            clock: Arc::new(move || Timestamp::from_millis(clock.load(Ordering::Relaxed))),
            sleep: Arc::new(|_| Box::pin(async {})),
            behind: Arc::new(move |work| queue.lock().unwrap().push_back(work)),
        });
        Self {
            proofs,
            now,
            asked,
            waiting,
            records,
        }
    }

    fn later(&self, span: Duration) {
        self.now.fetch_add(millis(span), Ordering::Relaxed);
    }

    fn run(&self) {
        while let Some(work) = { self.waiting.lock().unwrap().pop_front() } {
            work.now_or_never().unwrap();
        }
    }

    fn look(&self, host: &str) -> Verdict {
        self.proofs.proof(host, me()).verdict
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn me() -> AgentId {
    AgentId::from_bytes([7; 16])
}

fn names_me() -> Vec<String> {
    vec!["v=spf1 -all".to_owned(), format!("{KEY}{}", me())]
}

#[test]
fn the_first_view_waits_for_nothing_and_the_next_one_knows() {
    let world = World::new(Some(Ok(names_me())));
    assert_eq!(world.look("A.Example.com"), Verdict::NotYetChecked);
    assert_eq!(world.look("a.example.com"), Verdict::NotYetChecked);
    world.run();
    let proof = world.proofs.proof("a.example.com", me());
    assert_eq!(proof.verdict, Verdict::Proven);
    assert_eq!(
        proof.checked_at,
        Some(Timestamp::from_millis(1_000_000_000))
    );
    assert_eq!(proof.record.as_deref(), Some("_smoltbot.a.example.com"));
    assert_eq!(proof.value, Some(format!("smoltbot-agent={}", me())));
    assert_eq!(*world.asked.lock().unwrap(), ["_smoltbot.a.example.com"]);
    let other = world
        .proofs
        .proof("a.example.com", AgentId::from_bytes([8; 16]));
    assert_eq!(other.verdict, Verdict::NotProven);
}

#[test]
fn a_proof_holds_an_hour_and_is_renewed_in_its_second_half() {
    let world = World::new(Some(Ok(names_me())));
    world.look("a.example.com");
    world.run();
    world.later((PROVEN_FOR / 2).saturating_sub(Duration::from_millis(1)));
    assert_eq!(world.look("a.example.com"), Verdict::Proven);
    assert_eq!(world.asked(), 1);
    world.later(Duration::from_millis(1));
    assert_eq!(world.look("a.example.com"), Verdict::Proven);
    world.run();
    assert_eq!(world.asked(), 2);
    *world.records.lock().unwrap() = Some(Ok(Vec::new()));
    world.later(PROVEN_FOR);
    assert_eq!(world.look("a.example.com"), Verdict::NotYetChecked);
    world.run();
    assert_eq!(world.look("a.example.com"), Verdict::NotProven);
    world.later(NOT_PROVEN_FOR);
    assert_eq!(world.look("a.example.com"), Verdict::NotYetChecked);
}

#[test]
fn no_answer_says_why_and_is_tried_again() {
    let world = World::new(Some(Err(NoAnswer::Failed("SERVFAIL".to_owned()))));
    world.look("a.example.com");
    world.run();
    let proof = world.proofs.proof("a.example.com", me());
    assert_eq!(proof.verdict, Verdict::CouldNotCheck);
    assert_eq!(proof.reason.as_deref(), Some("SERVFAIL"));
    *world.records.lock().unwrap() = None;
    world.later(NO_ANSWER_FOR);
    world.look("a.example.com");
    world.run();
    let proof = world.proofs.proof("a.example.com", me());
    let late = "the DNS did not answer within 300 ms";
    assert_eq!(proof.reason.as_deref(), Some(late));
}

#[test]
fn lookups_a_minute_are_limited() {
    let world = World::new(Some(Ok(names_me())));
    let names = |world: &World, from: u32, to: u32| {
        for number in from..to {
            world.look(&format!("n{number}.example.com"));
            world.run();
        }
    };
    let most = MAX_LOOKUPS_PER_MINUTE as usize;
    names(&world, 0, MAX_LOOKUPS_PER_MINUTE + 20);
    assert_eq!(world.asked(), most);
    world.later(Duration::from_mins(1));
    names(&world, MAX_LOOKUPS_PER_MINUTE, MAX_LOOKUPS_PER_MINUTE + 20);
    assert_eq!(world.asked(), most + 20);
}

#[test]
fn kept_answers_are_bounded_and_the_oldest_goes() {
    let mut state = State::default();
    for number in 0..=MAX_NAMES {
        let at = Timestamp::from_millis(i64::try_from(number).unwrap());
        let said = Ok(Vec::new());
        state.keep(format!("n{number}"), Known { at, said });
    }
    assert_eq!(state.known.len(), MAX_NAMES);
    assert!(!state.known.contains_key("n0") && state.known.contains_key("n1"));
    let many: Vec<_> = (0..200).map(|_| format!("{KEY}{}", me())).collect();
    assert_eq!(named(&many).len(), MAX_AGENTS_OF_NAME);
}

#[test]
fn private_names_and_switched_off_proofs_ask_nobody() {
    let world = World::new(Some(Ok(names_me())));
    for host in ["127.0.0.1", "printer.local", "localhost"] {
        let proof = world.proofs.proof(host, me());
        assert_eq!(proof.verdict, Verdict::NoPublicName, "{host}");
        assert_eq!((proof.record, proof.value), (None, None));
    }
    let off = Proofs::off().proof("a.example.com", me());
    assert_eq!(off.verdict, Verdict::Off);
    assert!(off.record.is_some(), "others can ask");
    assert_eq!(world.asked(), 0);
}

#[test]
fn a_card_that_claims_nothing_has_no_claim() {
    let world = World::new(Some(Ok(names_me())));
    assert_eq!(world.proofs.of(None, me()), None);
    let shape = serde_json::to_value(world.proofs.proof("a.example.com", me())).unwrap();
    assert_eq!(
        shape,
        json!({"verdict": "not_yet_checked", "checked_at": null, "record": "_smoltbot.a.example.com",
            "value": format!("smoltbot-agent={}", me())})
    );
}
