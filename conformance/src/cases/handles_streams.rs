//! Streams that several handles write: writers come, stand still, and are retired.

use mintaka_core::records::Log;
use mintaka_core::{Batch, Error, Head};

use super::concurrency::{at_once, commit};
use super::streams::{check_each_once_and_in_order, check_heads, stamps};
use crate::lab::Lab;
use crate::sample;
use crate::tailer::Tailer;

super::cases! { "handles":
    positions_of_all_handles_are_told_apart ["H6" "H3"]
    a_tailer_sees_the_rows_of_every_handle ["H8" "H5"]
    a_writer_that_stands_still_holds_up_nobody_and_goes_on_where_it_was ["H8" "H5"]
    a_retired_writer_is_read_to_its_end ["H7" "H8"]
}

fn ids(lines: &[Log]) -> Vec<u128> {
    lines.iter().map(|line| line.id.as_u128()).collect()
}

fn sorted(mut ids: Vec<u128>) -> Vec<u128> {
    ids.sort_unstable();
    ids
}

async fn positions_of_all_handles_are_told_apart(lab: Lab) -> Result<(), Error> {
    let labs = [lab.another().await?, lab.another().await?, lab];
    for n in 0..12 {
        labs[n % 3].seed([sample::log(n as u128)]).await?;
    }
    let mut places: Vec<(i64, i64)> =
        stamps(&labs[2]).await?.into_iter().map(|(_, writer, seq)| (writer, seq)).collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 12, "no place in the stream is given twice");
    for lab in &labs {
        check_heads(lab).await?;
    }
    Ok(())
}

async fn a_tailer_sees_the_rows_of_every_handle(lab: Lab) -> Result<(), Error> {
    const CALLERS: u128 = 3;
    const EACH: u128 = 20;
    let mut handles = Vec::new();
    for _ in 0..CALLERS {
        handles.push(lab.another().await?.backend().clone());
    }
    let writing = tokio::spawn(at_once(CALLERS, move |caller| {
        let store = handles[caller as usize].clone();
        async move {
            for n in 0..EACH {
                commit(&*store, Batch::new().insert(sample::log(caller * EACH + n))).await?;
            }
            Ok(())
        }
    }));
    let (mut tailer, mut seen) = (Tailer::default(), Vec::new());
    loop {
        // What is read after the last answer is all there is.
        let last = writing.is_finished();
        let lines = tailer.next(&**lab.backend()).await?;
        seen.extend(lines.into_iter().map(|line| (line.writer, line.id.as_u128())));
        if last {
            break;
        }
        tokio::task::yield_now().await;
    }
    match writing.await {
        Ok(result) => drop(result?),
        Err(panic) => panic!("a writer stopped: {panic}"),
    }
    check_each_once_and_in_order(seen, CALLERS, EACH);
    Ok(())
}

async fn a_writer_that_stands_still_holds_up_nobody_and_goes_on_where_it_was(lab: Lab) -> Result<(), Error> {
    let (still, other) = (lab.another().await?, lab.another().await?);
    let mut tailer = Tailer::default();
    still.seed([1, 2].map(sample::log)).await?;
    assert_eq!(ids(&tailer.next(&**lab.backend()).await?), [1, 2]);
    for n in 10..20 {
        other.seed([sample::log(n)]).await?;
        assert_eq!(ids(&tailer.next(&**lab.backend()).await?), [n], "nobody waits for a writer that stands still");
    }
    // A commit that is large, and so slow, beside small ones.
    let slow = tokio::spawn(async move {
        still.seed((1_000..2_000).map(sample::log)).await?;
        Ok::<Lab, Error>(still)
    });
    let mut seen = Vec::new();
    for n in 20..40 {
        other.seed([sample::log(n)]).await?;
        seen.extend(ids(&tailer.next(&**lab.backend()).await?));
        assert!(seen.contains(&n), "line {n} was answered");
    }
    let still = match slow.await {
        Ok(lab) => lab?,
        Err(panic) => panic!("the slow writer stopped: {panic}"),
    };
    still.seed([sample::log(3)]).await?;
    seen.extend(ids(&tailer.next(&**lab.backend()).await?));
    let all: Vec<u128> = [3].into_iter().chain(20..40).chain(1_000..2_000).collect();
    assert_eq!(sorted(seen), all, "each line once");
    Ok(())
}

async fn a_retired_writer_is_read_to_its_end(lab: Lab) -> Result<(), Error> {
    let dead = lab.another().await?;
    let (mut early, mut late) = (Tailer::default(), Tailer::default());
    dead.seed([1, 2].map(sample::log)).await?;
    assert_eq!(ids(&early.next(&**lab.backend()).await?), [1, 2]);
    dead.seed([sample::log(3)]).await?;
    lab.seed([sample::log(4)]).await?;
    let writer = stamps(&lab).await?.into_iter().find(|stamp| stamp.0 == 3).map_or(0, |stamp| stamp.1);
    let before = lab.backend().heads().await?;
    let retired = lab.retire(writer).await?;
    if retired {
        let refused = dead.commit(Batch::new().insert(sample::log(5))).await;
        assert_eq!(refused.err(), Some(Error::Closed), "what a retired writer still commits");
        assert!(lab.find::<Log>(sample::log_key(5)).await?.is_none());
    } else {
        dead.backend().close().await;
    }
    let of = |heads: &[Head]| heads.iter().find(|head| head.writer == writer).copied();
    let head = of(&lab.backend().heads().await?.writers);
    assert_eq!(head.map(|head| (head.position, head.closed)), of(&before.writers).map(|head| (head.position, retired)));
    // Who comes after it takes nothing from it, and the others go on.
    let next = lab.another().await?;
    next.seed([sample::log(6)]).await?;
    lab.seed([sample::log(7)]).await?;
    assert_eq!(sorted(ids(&early.next(&**lab.backend()).await?)), [3, 4, 6, 7], "who had read a part of it");
    assert_eq!(sorted(ids(&late.next(&**next.backend()).await?)), [1, 2, 3, 4, 6, 7], "who had read nothing of it");
    assert_eq!(ids(&early.next(&**lab.backend()).await?), [], "nothing comes after its end");
    Ok(())
}
