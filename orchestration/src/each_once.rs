//! Lists in which nothing stands twice.

use std::collections::HashSet;

/// These texts in the order in which each came first; each is looked up in a set.
pub(crate) fn each_once(texts: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    texts.into_iter().filter(|text| seen.insert(text.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::each_once;

    #[test]
    fn what_comes_again_is_left_out_and_the_order_stays() {
        let table: &[(&[&str], &[&str])] =
            &[(&[], &[]), (&["b", "a", "b"], &["b", "a"]), (&["a", "a", "a"], &["a"]), (&["", " ", ""], &["", " "])];
        for (given, wanted) in table {
            assert_eq!(each_once(given.iter().map(|text| (*text).to_owned())), *wanted, "{given:?}");
        }
    }

    #[test]
    fn a_long_list_that_is_given_twice_is_there_once() {
        let list: Vec<String> = (0..100_000).map(|n| n.to_string()).collect();
        assert_eq!(each_once(list.iter().chain(&list).cloned()), list);
    }
}
