//! A claimed link on the pages: proven, not proven, not to be told.

use std::sync::{Arc, Mutex};

use dashboard::proof::{Answer, NoAnswer, Ports, Proofs, ResolveTxt};
use serde_json::json;
use trace_store::TraceWriter as _;
use trace_store::conformance::{Agent, now, send};

use crate::support::{Site, assert_clean};

/// Says the same of every name.
struct Says(Arc<Mutex<Result<Vec<String>, NoAnswer>>>);

impl ResolveTxt for Says {
    fn txt(&self, _: String) -> Answer {
        let said = self.0.lock().unwrap().clone();
        Box::pin(async move { said })
    }
}

/// A site whose DNS says what is put into the cell, and its agent, which claims `url`.
async fn claiming(url: &str) -> (Site, Agent, Arc<Mutex<Result<Vec<String>, NoAnswer>>>) {
    let said = Arc::new(Mutex::new(Ok(Vec::new())));
    let site = Site::proving(Proofs::new(Ports {
        resolver: Arc::new(Says(Arc::clone(&said))),
        clock: Arc::new(|| now(0)),
        sleep: Arc::new(|span| Box::pin(tokio::time::sleep(span))),
        behind: Arc::new(|work| {
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(work));
        }),
    }));
    let mut agent = Agent::new(1);
    let own = json!({"name": "Helper", "url": url});
    agent.card.extensions.insert("smoltbot".to_owned(), own);
    agent.card.card_id = agent.card.derived_id();
    let signed = agent.card.clone().sign(agent.key());
    site.store.put_card(signed, now(-90_000)).await.unwrap();
    let calls = agent.calls(2, -80_000);
    send(&site.store, agent.batch_of(calls), now(0)).await;
    (site, agent, said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proven_link_leads_there_and_says_why() {
    let (site, agent, said) = claiming("https://agents.example.com/b").await;
    *said.lock().unwrap() = Ok(vec![format!("smoltbot-agent={}", agent.id)]);
    let path = format!("/agent/{}", agent.id);
    let first = site.page(&path).await;
    assert!(first.contains("The link is not yet checked"));
    assert!(!first.contains("href=\"https://agents.example.com"));
    // No other page leads to another site; this one does, by this link alone.
    let page = site.get(&path).await.body;
    let link = "href=\"https://agents.example.com/b\"";
    assert_eq!(page.matches(link).count(), 1);
    assert_clean(&page.replace(link, ""), &path);
    for told in [
        "<a href=\"https://agents.example.com/b\" rel=\"nofollow noopener ugc\">",
        "The link is proven, the name is claimed",
        "<span class=\"seal\">proven</span>",
    ] {
        assert!(page.contains(told), "lacks {told}");
    }
    let card = site.get(&format!("/card/{}.svg", agent.id)).await.body;
    assert!(card.contains(">agents.example.com, proven<"), "{card}");
    let frame = site.page(&format!("/embed/{}", agent.id)).await;
    assert!(frame.contains("agents.example.com, proven"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_told_as_the_record_to_publish() {
    let (site, agent, said) = claiming("https://agents.example.com").await;
    *said.lock().unwrap() = Ok(vec!["smoltbot-agent=another".to_owned()]);
    let path = format!("/agent/{}", agent.id);
    site.page(&path).await;
    let page = site.page(&path).await;
    let record = format!(
        "_smoltbot.agents.example.com. 3600 IN TXT &#34;smoltbot-agent={}&#34;",
        agent.id
    );
    assert!(page.contains(&record), "lacks {record}");
    assert!(page.contains("Name and link are claimed, not proven"));
    assert!(!page.contains("href=\"https://agents.example.com"));
    let card = site.get(&format!("/card/{}.svg", agent.id)).await.body;
    assert!(!card.contains("agents.example.com"), "{card}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dns_without_an_answer_and_a_private_host_are_told_as_such() {
    let (site, agent, said) = claiming("https://agents.example.com").await;
    *said.lock().unwrap() = Err(NoAnswer::Failed("the DNS answered <SERVFAIL>".to_owned()));
    let path = format!("/agent/{}", agent.id);
    site.page(&path).await;
    let page = site.page(&path).await;
    assert!(page.contains("The link could not be checked"));
    assert!(
        page.contains("<q>the DNS answered &#60;SERVFAIL&#62;</q>"),
        "{page}"
    );
    let (site, agent, _) = claiming("https://printer.local/x").await;
    let page = site.page(&format!("/agent/{}", agent.id)).await;
    assert!(page.contains("The link is claimed and cannot be proven"));
    assert!(!page.contains("dig +short"));
}
