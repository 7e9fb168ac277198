//! Commits whose caller, handle or store goes away while they are under way.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;

use mintaka_core::records::{Flow, flow};
use mintaka_core::{Backend, Batch, Error, Filter, Outcome, Query, Record};

use crate::lab::{Lab, is_committed};
use crate::sample::{self, key};

super::cases! { "handles":
    a_commit_whose_caller_goes_away_is_whole_or_not_there ["N8"]
    a_handle_that_goes_away_leaves_whole_batches_and_the_others_go_on ["N8"]
    a_store_that_is_closed_answers_what_is_under_way ["K6" "K3"]
}

/// Flows in a batch.
const FLOWS: u128 = 3;

/// Batch `n`.
fn batch(n: u128) -> Batch {
    (0..FLOWS).map(|i| sample::flow(n * FLOWS + i)).fold(Batch::new(), Batch::insert)
}

/// How many flows of batch `n` are there.
async fn flows(lab: &Lab, n: u128) -> Result<usize, Error> {
    let ids = (0..FLOWS).map(|i| sample::id(n * FLOWS + i).into()).collect();
    let query = Query::of(Flow::TABLE).filter(Filter::In(flow::id, ids));
    Ok(lab.select(query).await?.len())
}

/// Begins a commit, takes so many steps of it, and drops it.
async fn begun(store: Arc<dyn Backend>, batch: Batch, steps: u128) {
    let mut commit = Box::pin(async move { store.commit(vec![batch].into()).await });
    for _ in 0..steps {
        let done = poll_fn(|context| Poll::Ready(commit.as_mut().poll(context).is_ready())).await;
        if done {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn a_commit_whose_caller_goes_away_is_whole_or_not_there(lab: Lab) -> Result<(), Error> {
    let other = lab.another().await?;
    for n in 0..40 {
        begun(lab.backend().clone(), batch(2 * n), 1 + n % 4).await;
        // A commit of the same handle follows it; what another handle sees then stays.
        lab.done(batch(2 * n + 1)).await?;
        let there = flows(&other, 2 * n).await?;
        assert!([0, FLOWS as usize].contains(&there), "{there} of {FLOWS} rows of a batch are there");
        assert_eq!(flows(&other, 2 * n + 1).await?, FLOWS as usize);
    }
    Ok(())
}

async fn a_handle_that_goes_away_leaves_whole_batches_and_the_others_go_on(lab: Lab) -> Result<(), Error> {
    for n in 0..20 {
        let dies = lab.another().await?.backend().clone();
        begun(dies, batch(2 * n), 1 + n % 4).await; // and the handle with it
        lab.done(batch(2 * n + 1)).await?;
        let there = flows(&lab, 2 * n).await?;
        assert!([0, FLOWS as usize].contains(&there), "{there} of {FLOWS} rows of a batch are there");
    }
    // What was still under way came to an end meanwhile, or will: as a whole.
    for n in 0..40 {
        let there = flows(&lab, n).await?;
        assert!([0, FLOWS as usize].contains(&there), "{there} of {FLOWS} rows of a batch are there");
    }
    Ok(())
}

async fn a_store_that_is_closed_answers_what_is_under_way(lab: Lab) -> Result<(), Error> {
    for round in 0..5 {
        let closes = lab.another().await?.backend().clone();
        let commits: Vec<_> = (0..8)
            .map(|n| {
                let (store, n) = (closes.clone(), round * 8 + n);
                tokio::spawn(async move { (n, store.commit(vec![batch(n)].into()).await) })
            })
            .collect();
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        closes.close().await;
        for commit in commits {
            let (n, answer) = match commit.await {
                Ok(answered) => answered,
                Err(panic) => panic!("a caller stopped: {panic}"),
            };
            let there = flows(&lab, n).await? as u128;
            match answer.map(|answer| answer.outcomes) {
                Ok(outcomes) => assert!(is_committed(&outcomes[0]) && there == FLOWS, "batch {n}: {outcomes:?}"),
                Err(Error::Closed | Error::Unavailable(_)) => assert_eq!(there, 0, "batch {n} was surely not done"),
                Err(Error::Indeterminate(_)) => assert!(there == 0 || there == FLOWS, "batch {n} is there in part"),
                Err(other) => panic!("batch {n}: {other}"),
            }
        }
        assert_eq!(closes.get(Flow::TABLE, vec![key(1)]).await.err(), Some(Error::Closed));
        let outcome: Outcome = lab.commit(Batch::new()).await?;
        assert!(is_committed(&outcome), "the other handle goes on");
    }
    Ok(())
}
