//! Names for runs that were given none: two random words.

use rand::seq::IndexedRandom;

/// A random name such as `brave-otter`.
pub fn random_name() -> String {
    let mut rng = rand::rng();
    let mut word = |words: &[&'static str]| words.choose(&mut rng).copied().unwrap_or("run");
    format!("{}-{}", word(ADJECTIVES), word(ANIMALS))
}

/// How it is.
#[rustfmt::skip] // a list reads better in lines than in a column
const ADJECTIVES: &[&str] = &[
    "able", "agile", "amber", "ample", "ancient", "apt", "arctic", "azure", "balmy", "bashful", "benign", "bold",
    "brave", "breezy", "bright", "brisk", "bronze", "calm", "candid", "careful", "cheerful", "chestnut", "clever",
    "coastal", "cobalt", "cosmic", "cozy", "crafty", "crimson", "crisp", "curious", "dapper", "daring",
    "dazzling", "deft", "diligent", "dreamy", "eager", "earnest", "easy", "elated", "electric", "elegant",
    "emerald", "endless", "fabled", "fair", "famous", "fearless", "festive", "fiery", "fluent", "fond", "frank",
    "fresh", "frosty", "gallant", "gentle", "gilded", "glad", "gleaming", "golden", "graceful", "grand", "happy",
    "hardy", "hazel", "hearty", "honest", "humble", "ideal", "inventive", "ivory", "jade", "jolly", "jovial",
    "keen", "kind", "lavish", "limber", "lively", "loyal", "lucid", "lucky", "lunar", "magenta", "mellow",
    "merry", "mighty", "modest", "nimble", "noble", "olive", "opal", "patient", "peaceful", "placid", "plucky",
    "polite", "proud", "quaint", "quick", "quiet", "radiant", "rapid", "robust", "rosy", "rugged", "rustic",
    "sage", "scarlet", "serene", "sharp", "shiny", "silent", "silver", "sincere", "sleek", "smooth", "snowy",
    "solar", "spirited", "spry", "stellar", "sturdy", "sunny", "swift", "tidy", "tranquil", "true", "upbeat",
    "valiant", "velvet", "vibrant", "vivid", "warm", "whimsical", "wise", "witty", "zesty",
];

/// What it is.
#[rustfmt::skip] // a list reads better in lines than in a column
const ANIMALS: &[&str] = &[
    "albatross", "alpaca", "anchovy", "antelope", "armadillo", "badger", "barracuda", "basilisk", "beaver",
    "bison", "bobcat", "buffalo", "bullfinch", "bumblebee", "buzzard", "camel", "capybara", "caribou",
    "cassowary", "catfish", "chameleon", "cheetah", "chickadee", "chinchilla", "chipmunk", "cicada", "cobra",
    "condor", "cormorant", "coyote", "crane", "cricket", "cuckoo", "curlew", "dingo", "dolphin", "dormouse",
    "dragonfly", "duck", "eagle", "echidna", "egret", "eland", "elephant", "elk", "ermine", "falcon", "ferret",
    "finch", "firefly", "flamingo", "fox", "gazelle", "gecko", "gibbon", "giraffe", "goldfinch", "gopher",
    "grouse", "hamster", "hare", "hawk", "hedgehog", "heron", "hippo", "hoopoe", "hornbill", "hyena", "ibex",
    "ibis", "iguana", "impala", "jackal", "jackdaw", "jaguar", "jellyfish", "kestrel", "kingfisher", "kiwi",
    "koala", "kudu", "lapwing", "lark", "lemming", "lemur", "leopard", "limpet", "llama", "lobster", "loris",
    "lynx", "macaw", "magpie", "mallard", "manatee", "mandrill", "marmot", "marten", "meerkat", "mongoose",
    "moose", "mussel", "narwhal", "newt", "nightingale", "ocelot", "octopus", "okapi", "opossum", "orca",
    "oriole", "osprey", "otter", "owl", "panda", "pangolin", "parrot", "pelican", "penguin", "pheasant",
    "platypus", "porcupine", "puffin", "puma", "quail", "rabbit", "raccoon", "raven",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_two_words_of_lower_case() {
        for list in [ADJECTIVES, ANIMALS] {
            let distinct: std::collections::HashSet<_> = list.iter().collect();
            assert!(distinct.len() == list.len() && list.len() > 100);
            assert!(list.iter().all(|word| word.bytes().all(|b| b.is_ascii_lowercase())));
        }
        assert_eq!(random_name().split('-').count(), 2);
    }
}
