//! Heads, and the positions of stream rows.

use mintaka_core::records::{Event, Log, log};
use mintaka_core::{Backend, Batch, Change, Cmp, Direction, Error, Filter, Key, OnExists, Op, Outcome, Query, Record};

use crate::lab::Lab;
use crate::sample::{self, at, id};

super::cases! { "streams":
    the_clock_of_the_store_does_not_go_back ["H1"]
    a_new_store_has_no_positions ["H3"]
    stream_rows_are_stamped_in_order_of_batches_and_ops ["H2" "H3" "H4"]
    streams_share_the_positions_of_the_writer ["H6" "H2"]
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

/// Writer and position of every line of the log, by position.
async fn stamps(lab: &Lab) -> Result<Vec<(u128, i64, i64)>, Error> {
    let query = Query::of(&log::TABLE).order(log::seq, Direction::Asc).limit(10_000);
    let rows = lab.select(query).await?;
    let record = |row: mintaka_core::Row| Log::from_values(row.values).map(|l| (l.id.as_u128(), l.writer, l.seq));
    rows.into_iter().map(record).collect()
}

fn grows(positions: &[i64]) -> bool {
    positions.windows(2).all(|pair| pair[0] < pair[1])
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
    let stamps = stamps(&lab).await?;
    assert_eq!(stamps.iter().map(|s| s.0).collect::<Vec<_>>(), [9, 1, 8, 2, 7]);
    assert!(grows(&stamps.iter().map(|s| s.2).collect::<Vec<_>>()), "{stamps:?}");
    assert!(stamps[0].2 > 0);
    let heads = lab.backend().heads().await?;
    let writer = stamps[0].1;
    assert!(stamps.iter().all(|s| s.1 == writer), "one writer: {stamps:?}");
    assert!(heads.positions().get(&writer) == Some(&stamps[4].2), "{heads:?} after {stamps:?}");
    for (outcome, last) in outcomes.iter().zip([1, 2, 4]) {
        let Outcome::Committed { stream, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(*stream, Some((writer, stamps[last].2)));
    }
    Ok(())
}

async fn streams_share_the_positions_of_the_writer(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::log(1)]).await?;
    lab.seed([sample::event(1)]).await?;
    lab.done(Batch::new().insert(sample::event(2)).insert(sample::log(2))).await?;
    let logs = stamps(&lab).await?;
    let mut events = Vec::new();
    for n in [1, 2] {
        events.push(lab.get::<Event>(Key::Primary(vec![at(n).into(), id(n as u128).into()])).await?.record);
    }
    assert!(grows(&[logs[0].2, events[0].seq, events[1].seq, logs[1].2]), "{logs:?} {events:?}");
    assert!(events.iter().all(|e| e.writer == logs[0].1));
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
    let stamps = stamps(&lab).await?;
    assert_eq!(stamps.iter().map(|s| s.0).collect::<Vec<_>>(), [1, 2, 3, 5]);
    assert!(grows(&stamps.iter().map(|s| s.2).collect::<Vec<_>>()), "{stamps:?}");
    let heads = lab.backend().heads().await?;
    assert!(heads.positions().get(&stamps[3].1) == Some(&stamps[3].2), "{heads:?} after {stamps:?}");
    Ok(())
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
    let (mut seen, mut cursor) = (Vec::new(), 0);
    loop {
        // What is read after the last answer is all there is.
        let written = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let head = store.heads().await?.writers.iter().map(|head| head.position).max().unwrap_or(0);
        let page = tail(&*store, cursor).await?;
        assert!(page.len() % 2 == 0, "a batch of two lines is seen as a whole");
        let reached = page.last().map_or(cursor, |l| l.1);
        assert!(reached >= head, "heads promised {head}, the stream showed {reached}");
        cursor = reached;
        seen.extend(page.into_iter().map(|l| l.0));
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
    let mut sorted = seen.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..WRITERS * EACH).collect::<Vec<_>>(), "each line once");
    for w in 0..WRITERS {
        let own: Vec<u128> = seen.iter().copied().filter(|n| n / EACH == w).collect();
        assert!(own.is_sorted(), "lines of one caller in the order in which they were written");
    }
    Ok(())
}

async fn tail(store: &dyn Backend, after: i64) -> Result<Vec<(u128, i64)>, Error> {
    let query = Query::of(&log::TABLE)
        .filter(Filter::cmp(log::seq, Cmp::Gt, after))
        .order(log::writer, Direction::Asc)
        .order(log::seq, Direction::Asc)
        .limit(10_000);
    let rows = store.select(query).await?;
    rows.into_iter().map(|row| Log::from_values(row.values).map(|l| (l.id.as_u128(), l.seq))).collect()
}
