//! SQL text under construction, with the parameters in the order of their placeholders.

use mintaka_core::{Col, Value};

use crate::Dialect;

/// More conditions than this are not joined in one chain.
const LONG_CHAIN: usize = 64;

/// A quoted identifier.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A comma-separated list.
pub(crate) fn list(parts: impl IntoIterator<Item = String>) -> String {
    parts.into_iter().collect::<Vec<_>>().join(", ")
}

/// Text and parameters; hands out aliases, so that a table may appear more than once.
pub(crate) struct Builder<'d> {
    pub dialect: &'d dyn Dialect,
    pub text: String,
    pub params: Vec<Value>,
    aliases: usize,
}

/// The alias of a table in a statement.
#[derive(Clone, Copy)]
pub(crate) struct Alias(usize);

impl std::fmt::Display for Alias {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "t{}", self.0)
    }
}

impl Alias {
    /// A column of the table, qualified.
    pub fn column(self, column: Col) -> String {
        self.named(column.name())
    }
    /// A column of the table by name, qualified.
    pub fn named(self, name: &str) -> String {
        format!("{self}.{}", quoted(name))
    }
}

impl<'d> Builder<'d> {
    pub fn new(dialect: &'d dyn Dialect) -> Builder<'d> {
        Builder { dialect, text: String::with_capacity(256), params: Vec::new(), aliases: 0 }
    }

    pub fn alias(&mut self) -> Alias {
        self.aliases += 1;
        Alias(self.aliases - 1)
    }

    pub fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Registers a parameter and gives its placeholder, which must be the next to be pushed.
    pub fn param(&mut self, value: Value) -> String {
        self.params.push(value);
        self.dialect.placeholder(self.params.len())
    }

    pub fn push_param(&mut self, value: Value) -> &mut Self {
        let placeholder = self.param(value);
        self.push(&placeholder)
    }

    /// Pushes parts with a separator, or `empty` if there are none.
    pub fn joined<T>(
        &mut self,
        parts: impl IntoIterator<Item = T>,
        separator: &str,
        empty: &str,
        mut each: impl FnMut(&mut Self, T),
    ) {
        let mut first = true;
        for part in parts {
            if !std::mem::take(&mut first) {
                self.push(separator);
            }
            each(self, part);
        }
        if first {
            self.push(empty);
        }
    }

    /// Conditions joined by AND or OR, or `empty` if there are none. Many are nested in balance: engines bound the depth of
    /// an expression, and a chain is as deep as it is long.
    pub fn chained<T>(&mut self, parts: &[T], separator: &str, empty: &str, each: &mut impl FnMut(&mut Self, &T)) {
        if parts.len() <= LONG_CHAIN {
            return self.joined(parts, separator, empty, each);
        }
        let halves = parts.split_at(parts.len() / 2);
        self.joined([halves.0, halves.1], separator, empty, |b, half| {
            b.push("(");
            b.chained(half, separator, empty, each);
            b.push(")");
        });
    }
}
