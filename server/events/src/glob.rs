//! Globs, matched in one pass over the text.

use std::collections::HashMap;

/// A glob: `*` is any text, `?` any character, everything else itself.
///
/// It is read as an automaton of which all states are followed at once. State `i` says that the first `i` characters of
/// the glob have been met; a star between two characters lets its state stay whatever comes. A state is a bit, so a
/// character of the text costs one operation for every 64 characters of the glob, whatever both say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Glob {
    /// For each character of the glob, the place in `leads`; at other places 0.
    ascii: [u16; 128],
    others: HashMap<char, u16>,
    /// For each character of the glob, the states that it leads on from; first those that any character leads on from.
    leads: Vec<Box<[u64]>>,
    /// The states that stay.
    stays: Box<[u64]>,
    /// The last state.
    end: usize,
}

impl Glob {
    /// Reads a glob of at most 65,535 characters. Every text is one.
    pub(crate) fn new(text: &str) -> Glob {
        let end = text.chars().filter(|c| *c != '*').count();
        let none = vec![0_u64; end / 64 + 1].into_boxed_slice();
        let (leads, stays) = (vec![none.clone()], none.clone());
        let mut glob = Glob { ascii: [0; 128], others: HashMap::new(), leads, stays, end };
        let mut state = 0;
        for c in text.chars() {
            let states = match c {
                '*' => &mut glob.stays,
                '?' => &mut glob.leads[0],
                c => {
                    let new = glob.leads.len() as u16;
                    let place = match c {
                        '\0'..='\x7f' => &mut glob.ascii[c as usize],
                        _ => glob.others.entry(c).or_default(),
                    };
                    if *place == 0 {
                        *place = new;
                        glob.leads.push(none.clone());
                    }
                    &mut glob.leads[usize::from(*place)]
                }
            };
            states[state / 64] |= 1 << (state % 64);
            state += usize::from(c != '*');
        }
        if let Some((any, each)) = glob.leads.split_first_mut() {
            each.iter_mut().for_each(|lead| lead.iter_mut().zip(&*any).for_each(|(lead, any)| *lead |= any));
        }
        glob
    }

    fn leads(&self, c: char) -> &[u64] {
        let place = match c {
            '\0'..='\x7f' => self.ascii[c as usize],
            _ => self.others.get(&c).copied().unwrap_or(0),
        };
        &self.leads[usize::from(place)]
    }

    /// How many steps a character of the text costs, counted in those that reading one costs.
    pub(crate) fn weight(&self) -> usize {
        1 + self.stays.len()
    }

    /// Whether the whole of a text matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let mut states = vec![0_u64; self.stays.len()];
        states[0] = 1;
        for c in text.chars() {
            let leads = self.leads(c);
            let (mut carry, mut alive) = (0, 0);
            for ((states, leads), stays) in states.iter_mut().zip(leads).zip(&self.stays) {
                let led = *states & leads;
                *states = led << 1 | carry | *states & stays;
                carry = led >> 63;
                alive |= *states;
            }
            if alive == 0 {
                return false;
            }
        }
        states[self.end / 64] >> (self.end % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    /// What a glob means, said plainly.
    fn means(glob: &[char], text: &[char]) -> bool {
        match (glob.split_first(), text.split_first()) {
            (None, rest) => rest.is_none(),
            (Some(('*', after)), None) => means(after, text),
            (Some(('*', after)), Some((_, rest))) => means(after, text) || means(glob, rest),
            (Some((c, after)), Some((d, rest))) => (*c == '?' || c == d) && means(after, rest),
            (Some(_), None) => false,
        }
    }

    fn words(letters: &str, longest: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut from = 0;
        for _ in 0..longest {
            let to = all.len();
            for n in from..to {
                all.extend(letters.chars().map(|c| format!("{}{c}", all[n])).collect::<Vec<_>>());
            }
            from = to;
        }
        all
    }

    #[test]
    fn every_short_glob_matches_what_it_means() {
        let texts: Vec<(String, Vec<char>)> =
            words("aé", 5).into_iter().map(|t| (t.clone(), t.chars().collect())).collect();
        for glob in words("aé*?", 5) {
            let (automaton, chars) = (Glob::new(&glob), glob.chars().collect::<Vec<_>>());
            for (text, letters) in &texts {
                assert_eq!(automaton.matches(text), means(&chars, letters), "{glob} {text}");
            }
        }
    }

    #[test]
    fn a_glob_longer_than_a_word_of_the_machine_carries_on() {
        for n in [63, 64, 65, 128, 200] {
            let (text, glob) = ("ab".repeat(n), format!("{}*b", "a?".repeat(n - 1)));
            assert!(Glob::new(&glob).matches(&text), "{n}");
            assert!(!Glob::new(&glob).matches(&text[..2 * n - 1]), "{n}");
            assert!(!Glob::new(&format!("{}b", "a?".repeat(n))).matches(&text), "{n}");
        }
    }
}
