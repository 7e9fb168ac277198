//! Heads, and the positions of stream rows.

use std::collections::BTreeMap;

use mintaka_core::records::{Event, Log, log};
use mintaka_core::{Batch, Change, Direction, Error, Key, OnExists, Op, Outcome, Query, Record};

use crate::Tailer;
use crate::lab::Lab;
use crate::sample::{self, at, id};

super::cases! { "streams":
    the_clock_of_the_store_does_not_go_back ["H1"]
    a_new_store_has_no_positions ["H3"]
    stream_rows_are_stamped_in_order_of_batches_and_ops ["H2" "H3" "H4"]
    streams_share_the_positions_of_a_writer ["H6" "H2"]
    a_batch_without_stream_rows_names_no_position ["H4"]
    skipped_and_failed_stream_rows_leave_a_stream_in_order ["H2" "H6" "C1"]
    a_stream_row_that_was_inserted_once_is_stamped_too ["H2" "C18"]
    a_changed_stream_row_keeps_its_position ["H2" "C13"]
    a_tailer_sees_every_row_once_and_in_order ["H5" "N4"]
}

async fn the_clock_of_the_store_does_not_go_back(lab: Lab) -> Result<(), Error> {
    let first = lab.backend().heads().await?.now;
    lab.seed([sample::log(1)]).await?;
    assert!(lab.backend().heads().await?.now >= first);
    Ok(())
}

async fn a_new_store_has_no_positions(lab: Lab) -> Result<(), Error> {
    let heads = lab.backend().heads().await?;
    assert!(heads.writers.iter().all(|head| head.position == 0), "{heads:?}");
    Ok(())
}

/// Id, writer and position of every line of the log, by position.
pub(super) async fn stamps(lab: &Lab) -> Result<Vec<(u128, i64, i64)>, Error> {
    let query = Query::of(&log::TABLE).order(log::seq, Direction::Asc).limit(10_000);
    let rows = lab.select(query).await?;
    let record = |row: mintaka_core::Row| Log::from_values(row.values).map(|l| (l.id.as_u128(), l.writer, l.seq));
    rows.into_iter().map(record).collect()
}

/// Asserts that the heads show each writer of the log at its last line, where there are no other streams.
pub(super) async fn check_heads(lab: &Lab) -> Result<(), Error> {
    let mut last = BTreeMap::new();
    for (_, writer, seq) in stamps(lab).await? {
        last.insert(writer, seq);
    }
    let mut positions = lab.backend().heads().await?.positions();
    positions.retain(|_, position| *position != 0);
    assert_eq!(positions, last, "the heads, and the last line of each writer");
    Ok(())
}

fn grows(positions: impl IntoIterator<Item = i64>) -> bool {
    positions.into_iter().is_sorted_by(|a, b| a < b)
}

/// The writer and the positions of these lines, which were written in one commit.
async fn in_one_commit(lab: &Lab, lines: &[u128]) -> Result<(i64, Vec<i64>), Error> {
    let stamps = stamps(lab).await?;
    let of = |line: &u128| stamps.iter().copied().find(|stamp| stamp.0 == *line).map(|stamp| (stamp.1, stamp.2));
    let places: Option<Vec<(i64, i64)>> = lines.iter().map(of).collect();
    let Some(places @ [(writer, _), ..]) = places.as_deref() else { panic!("lines {lines:?} of {stamps:?}") };
    assert!(places.iter().all(|place| place.0 == *writer), "a commit has one writer: {places:?}");
    let positions: Vec<i64> = places.iter().map(|place| place.1).collect();
    assert!(positions[0] > 0 && grows(positions.iter().copied()), "{positions:?}");
    Ok((*writer, positions))
}

async fn stream_rows_are_stamped_in_order_of_batches_and_ops(lab: Lab) -> Result<(), Error> {
    let misleading = Log { writer: 77, seq: 99, ..sample::log(9) };
    let outcomes = lab
        .commit_all(vec![
            Batch::new().insert(misleading).insert(sample::log(1)),
            Batch::new().insert(sample::log(8)),
            Batch::new().insert(sample::log(2)).insert(sample::log(7)),
        ])
        .await?;
    let (writer, positions) = in_one_commit(&lab, &[9, 1, 8, 2, 7]).await?;
    check_heads(&lab).await?;
    for (outcome, last) in outcomes.iter().zip([1, 2, 4]) {
        let Outcome::Committed { stream, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(*stream, Some((writer, positions[last])));
    }
    Ok(())
}

async fn streams_share_the_positions_of_a_writer(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::log(1)]).await?;
    lab.seed([sample::event(1)]).await?;
    lab.done(Batch::new().insert(sample::event(2)).insert(sample::log(2))).await?;
    // In the order in which they were written.
    let mut places = Vec::new();
    for n in [1, 2] {
        let log = lab.get::<Log>(sample::log_key(n)).await?.record;
        let event = lab.get::<Event>(Key::Primary(vec![at(n as i64).into(), id(n).into()])).await?.record;
        places.push((log.writer, log.seq));
        places.push((event.writer, event.seq));
    }
    places.swap(2, 3);
    assert_eq!(places[2].0, places[3].0, "a commit has one writer");
    for writer in places.iter().map(|place| place.0) {
        let own = places.iter().filter(|place| place.0 == writer).map(|place| place.1);
        assert!(grows(own), "{places:?}");
    }
    Ok(())
}

async fn a_batch_without_stream_rows_names_no_position(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::log(1)]).await?;
    let outcomes = lab
        .commit_all(vec![
            Batch::new().insert(sample::flow(1)),
            Batch::new(),
            Batch::new().insert_or_skip(sample::log(1)),
        ])
        .await?;
    for outcome in outcomes {
        assert!(matches!(outcome, Outcome::Committed { stream: None, .. }), "{outcome:?}");
    }
    Ok(())
}

async fn skipped_and_failed_stream_rows_leave_a_stream_in_order(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::log(1), sample::log(2)]).await?;
    let outcomes = lab
        .commit_all(vec![
            Batch::new().insert(sample::log(3)),
            Batch::new().insert(sample::log(4)).insert(sample::log(1)),
            Batch::new().insert_or_skip(sample::log(2)).insert(sample::log(5)),
        ])
        .await?;
    assert!(matches!(outcomes[1], Outcome::Conflict(_)), "{:?}", outcomes[1]);
    let mut there: Vec<u128> = stamps(&lab).await?.iter().map(|stamp| stamp.0).collect();
    there.sort_unstable();
    assert_eq!(there, [1, 2, 3, 5]);
    in_one_commit(&lab, &[1, 2]).await?;
    in_one_commit(&lab, &[3, 5]).await?;
    check_heads(&lab).await
}

async fn a_stream_row_that_was_inserted_once_is_stamped_too(lab: Lab) -> Result<(), Error> {
    let batch = Batch::new().once(sample::event(1)).insert(sample::log(1));
    let Outcome::Committed { stream: Some((writer, last)), .. } = lab.commit(batch.clone()).await? else {
        panic!("the first time it is done")
    };
    let event = lab.get::<Event>(Key::Primary(vec![at(1).into(), id(1).into()])).await?;
    let logs = stamps(&lab).await?;
    assert_eq!((event.writer, logs[0].1, logs[0].2), (writer, writer, last));
    assert!(event.seq > 0 && event.seq < last, "`once` comes before the ops");
    assert!(matches!(lab.commit(batch).await?, Outcome::Repeated(_)));
    assert_eq!(stamps(&lab).await?, logs);
    Ok(())
}

async fn a_changed_stream_row_keeps_its_position(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::log(1), sample::log(2)]).await?;
    let before = stamps(&lab).await?;
    let key = Key::Primary(vec![at(1).into(), id(1).into()]);
    lab.done(Batch::new().update::<Log>(key, Change::default().set(log::message, "edited"))).await?;
    assert_eq!(stamps(&lab).await?, before);
    Ok(())
}

async fn a_tailer_sees_every_row_once_and_in_order(lab: Lab) -> Result<(), Error> {
    const WRITERS: u128 = 4;
    const EACH: u128 = 40;
    let store = lab.backend().clone();
    let mut writers = Vec::new();
    for w in 0..WRITERS {
        let store = store.clone();
        writers.push(tokio::spawn(async move {
            for n in 0..EACH / 2 {
                let lines = [w * EACH + 2 * n, w * EACH + 2 * n + 1].map(sample::log);
                let ops = lines.map(|line| Op::Insert {
                    table: Log::TABLE,
                    values: line.into_values(),
                    on_exists: OnExists::Conflict,
                });
                store.commit(vec![Batch { ops: ops.into(), ..Batch::new() }].into()).await?;
            }
            Ok::<(), Error>(())
        }));
    }
    let (mut seen, mut tailer) = (Vec::new(), Tailer::default());
    loop {
        // What is read after the last answer is all there is.
        let written = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let page = tailer.next(&*store).await?;
        for pair in page.chunks(2) {
            let [first, second] = pair else { panic!("a batch of two lines is seen as a whole: {page:?}") };
            assert_eq!((first.writer, second.id.as_u128()), (second.writer, first.id.as_u128() + 1));
        }
        seen.extend(page.into_iter().map(|line| (line.writer, line.id.as_u128())));
        if written {
            break;
        }
        tokio::task::yield_now().await;
    }
    for writer in writers {
        match writer.await {
            Ok(result) => result?,
            Err(panic) => panic!("a writer stopped: {panic}"),
        }
    }
    check_each_once_and_in_order(seen, WRITERS, EACH);
    Ok(())
}

/// Asserts that a tailer saw each line once, and those of one caller that have the same writer in order. Caller `n` wrote
/// `each` lines from `n * each` on.
pub(super) fn check_each_once_and_in_order(mut seen: Vec<(i64, u128)>, callers: u128, each: u128) {
    seen.sort_by_key(|&(writer, line)| (writer, line / each)); // a stable sort
    assert!(seen.is_sorted(), "lines come in the order in which they were written: {seen:?}");
    let mut lines: Vec<u128> = seen.into_iter().map(|(_, line)| line).collect();
    lines.sort_unstable();
    assert_eq!(lines, (0..callers * each).collect::<Vec<_>>(), "each line once");
}
