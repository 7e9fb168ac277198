//! Sets of state types, where "no state yet" counts as a type.

use mintaka_core::records::StateType;

/// A set of state types and of "no state".
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Types(u16);

impl Types {
    /// Every type, and no state.
    pub const ALL: Types = Types((1 << 10) - 1);
    /// The types of runs that have ended.
    pub const TERMINAL: Types =
        Types::of(&[StateType::Completed, StateType::Failed, StateType::Cancelled, StateType::Crashed]);

    /// These types.
    pub const fn of(types: &[StateType]) -> Types {
        let (mut bits, mut n) = (0, 0);
        while n < types.len() {
            bits |= 1 << types[n] as u16;
            n += 1;
        }
        Types(bits)
    }

    /// Without one type.
    pub const fn without(self, r#type: StateType) -> Types {
        Types(self.0 & !(1 << r#type as u16))
    }

    /// Whether a type, or no state, is in it.
    pub const fn has(self, r#type: Option<StateType>) -> bool {
        let bit = match r#type {
            Some(r#type) => r#type as u16,
            None => 9,
        };
        self.0 & (1 << bit) != 0
    }
}
