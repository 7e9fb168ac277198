//! Matching of texts.

use mintaka_core::records::{Flow, WorkQueue, flow, work_queue};
use mintaka_core::{Cmp, Error, Filter, Key};

use crate::lab::Lab;
use crate::sample;

super::cases! { "text":
    a_pattern_matches_the_whole_text ["S7"]
    contains_folds_ascii_letters_alone ["S8"]
    nothing_in_a_text_is_syntax ["S8" "S20"]
    several_columns_are_joined_by_a_space_and_null_is_empty ["S9"]
    a_prefix_is_compared_byte_for_byte ["S10"]
    equality_of_texts_is_of_bytes ["S3" "S20"]
}

/// Flows 1, 2, 3 … of these names.
async fn flows_named(lab: &Lab, names: &[&str]) -> Result<(), Error> {
    lab.seed(names.iter().zip(1..).map(|(name, n)| Flow { name: (*name).into(), ..sample::flow(n) })).await
}

async fn a_pattern_matches_the_whole_text(lab: Lab) -> Result<(), Error> {
    flows_named(&lab, &["abc", "ABC", "abcd", "a%c", "a\\c", "", "äbc", "a\nc"]).await?;
    for (pattern, expected) in [
        ("abc", &[1, 2][..]),
        ("aBc", &[1, 2]),
        ("a_c", &[1, 2, 4, 5, 8]),
        ("abc%", &[1, 2, 3]),
        ("%c", &[1, 2, 4, 5, 7, 8]),
        ("_bc", &[1, 2, 7]),
        ("%", &[1, 2, 3, 4, 5, 6, 7, 8]),
        ("", &[6]),
        ("_", &[]),
        ("a\\%c", &[5]),
        ("Äbc", &[]),
        ("%b%d", &[3]),
        ("[a]bc", &[]),
        ("a*", &[]),
    ] {
        lab.meets(&flow::TABLE, Filter::Like(vec![flow::name], pattern.into()), expected).await?;
    }
    Ok(())
}

async fn contains_folds_ascii_letters_alone(lab: Lab) -> Result<(), Error> {
    flows_named(&lab, &["Hello World", "WELLO", "straße", "STRASSE", "ÉCOLE", "école"]).await?;
    for (part, expected) in [
        ("ello", &[1, 2][..]),
        ("LLO W", &[1]),
        ("STRA", &[3, 4]),
        ("ß", &[3]),
        ("ss", &[4]),
        ("É", &[5]),
        ("COLE", &[5, 6]),
        ("", &[1, 2, 3, 4, 5, 6]),
        ("hello world!", &[]),
    ] {
        lab.meets(&flow::TABLE, Filter::Contains(vec![flow::name], part.into()), expected).await?;
    }
    Ok(())
}

const ODD: &[&str] =
    &["100%", "1000", "a_b", "axb", "it's", "\"quoted\"", "back\\slash", "'; DROP TABLE flow; --", "?1", "$1", ":x"];

async fn nothing_in_a_text_is_syntax(lab: Lab) -> Result<(), Error> {
    flows_named(&lab, ODD).await?;
    for (part, expected) in [
        ("0%", &[1][..]),
        ("a_", &[3]),
        ("'", &[5, 8]),
        ("\"", &[6]),
        ("\\", &[7]),
        ("--", &[8]),
        ("?1", &[9]),
        ("$1", &[10]),
        (":x", &[11]),
    ] {
        lab.meets(&flow::TABLE, Filter::Contains(vec![flow::name], part.into()), expected).await?;
    }
    Ok(())
}

async fn several_columns_are_joined_by_a_space_and_null_is_empty(lab: Lab) -> Result<(), Error> {
    let queue = |n, name: &str, description: Option<&str>| WorkQueue {
        name: name.into(),
        description: description.map(Into::into),
        ..sample::work_queue(n, 1)
    };
    lab.seed([queue(1, "fast", None), queue(2, "slow", Some("fast lane")), queue(3, "slow fast", Some(""))]).await?;
    let queues = &work_queue::TABLE;
    let both = || vec![work_queue::name, work_queue::description];
    let one = || vec![work_queue::description];
    for (filter, expected) in [
        (Filter::Contains(both(), "w fast".into()), &[2, 3][..]),
        (Filter::Contains(both(), "fast ".into()), &[1, 2, 3]),
        (Filter::Contains(both(), "fast lane".into()), &[2]),
        (Filter::Like(both(), "fast ".into()), &[1]),
        (Filter::Like(both(), "slow fast ".into()), &[3]),
        (Filter::Like(both(), "slow fast%".into()), &[2, 3]),
        (Filter::Contains(one(), "".into()), &[1, 2, 3]),
        (Filter::Like(one(), "".into()), &[1, 3]),
        (Filter::Contains(one(), "fast".into()), &[2]),
    ] {
        lab.meets(queues, filter, expected).await?;
    }
    Ok(())
}

async fn a_prefix_is_compared_byte_for_byte(lab: Lab) -> Result<(), Error> {
    let queue = |n, name: &str, description: Option<&str>| WorkQueue {
        name: name.into(),
        description: description.map(Into::into),
        ..sample::work_queue(n, 1)
    };
    lab.seed([
        queue(1, "a%b", None),
        queue(2, "a", Some("")),
        queue(3, "A", Some("x")),
        queue(4, "é", Some("\u{10ffff}")),
        queue(5, "axb", Some("\u{10ffff}\u{10ffff}")),
    ])
    .await?;
    let queues = &work_queue::TABLE;
    for (prefix, expected) in [("a", &[1, 2, 5][..]), ("A", &[3]), ("a%", &[1]), ("é", &[4]), ("", &[1, 2, 3, 4, 5])] {
        lab.meets(queues, Filter::StartsWith(work_queue::name, prefix.into()), expected).await?;
    }
    lab.meets(queues, Filter::StartsWith(work_queue::description, String::new()), &[2, 3, 4, 5]).await?;
    lab.meets(queues, Filter::StartsWith(work_queue::description, "\u{10ffff}".into()), &[4, 5]).await
}

async fn equality_of_texts_is_of_bytes(lab: Lab) -> Result<(), Error> {
    flows_named(&lab, &["a", "A", "a ", "é", "e\u{301}", ""]).await?;
    flows_by_key(&lab).await?;
    for (name, expected) in [("a", 1), ("A", 2), ("a ", 3), ("é", 4), ("e\u{301}", 5), ("", 6)] {
        lab.meets(&flow::TABLE, Filter::eq(flow::name, name), &[expected]).await?;
    }
    lab.meets(&flow::TABLE, Filter::cmp(flow::name, Cmp::Gt, "a"), &[3, 4, 5]).await
}

async fn flows_by_key(lab: &Lab) -> Result<(), Error> {
    let found = lab.get::<Flow>(Key::Unique(vec!["e\u{301}".into()])).await?;
    assert_eq!(found.id, sample::id(5));
    Ok(())
}
