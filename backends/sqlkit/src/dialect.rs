//! Where SQL engines differ.

use mintaka_core::{Kind, Time};

/// What one SQL engine spells in its own way. Text arguments are SQL expressions that are already quoted.
pub trait Dialect: Send + Sync {
    /// Placeholder of the `n`th parameter, counted from 1.
    fn placeholder(&self, n: usize) -> String;
    /// Type of a column.
    fn column_type(&self, kind: Kind) -> &'static str;
    /// Whether a store has one row of stream writers, so that `seq` alone tells the rows of a stream apart.
    fn has_one_writer(&self) -> bool;
    /// What follows the column list of an ordinary table.
    fn table_options(&self) -> &'static str;
    /// What follows the column list of a table that is nothing but its primary key.
    fn key_table_options(&self) -> &'static str;
    /// Whether a text matches a pattern of `%` and `_`, without an escape, ASCII letters folded.
    fn like(&self, text: &str, pattern: &str) -> String;
    /// Whether a text contains another, which is folded already, ASCII letters folded.
    fn contains(&self, text: &str, folded: &str) -> String;
    /// A FROM item with one row per tag of a list, its text in a column `value`.
    fn tags_of(&self, column: &str) -> String;
    /// The empty list of tags as it is stored.
    fn empty_tags(&self) -> &'static str;
    /// A value that sorts before every value of this kind, for the key columns of side tables, which hold no null.
    fn least(&self, kind: Kind) -> &'static str;
    /// A one-column query over one parameter, a JSON array of the values of this kind (identifiers as 32 hex digits).
    fn rows_of_list(&self, kind: Kind, parameter: &str) -> String;
    /// The same value, such that no index on the column is used for it, if the engine has no statistics to choose by.
    fn unindexed(&self, column: &str) -> String;
    /// Floor of `(time - origin) / width`.
    fn bucket(&self, time: &str, origin: Time, width: i64) -> String;
    /// Microseconds since an origin, as a float.
    fn micros_since(&self, time: &str, origin: Time) -> String;
}

/// SQLite 3.41 or later. Its BINARY collation compares bytes, its LIKE and lower() fold ASCII, its nulls sort first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sqlite;

impl Dialect for Sqlite {
    fn placeholder(&self, _: usize) -> String {
        "?".into()
    }
    fn column_type(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::Bool | Kind::Int | Kind::Time => "INTEGER",
            Kind::Float => "REAL",
            Kind::Text | Kind::Json | Kind::Tags => "TEXT",
            Kind::Uuid => "BLOB",
        }
    }
    fn has_one_writer(&self) -> bool {
        true
    }
    fn table_options(&self) -> &'static str {
        " STRICT"
    }
    fn key_table_options(&self) -> &'static str {
        " STRICT, WITHOUT ROWID"
    }
    fn like(&self, text: &str, pattern: &str) -> String {
        format!("{text} LIKE {pattern}")
    }
    fn contains(&self, text: &str, folded: &str) -> String {
        format!("instr(lower({text}), {folded}) > 0")
    }
    fn tags_of(&self, column: &str) -> String {
        format!("json_each({column})")
    }
    fn empty_tags(&self) -> &'static str {
        "'[]'"
    }
    fn least(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::Bool | Kind::Int | Kind::Time => "-9223372036854775808",
            Kind::Float => "-1.7976931348623157e308",
            Kind::Text | Kind::Json | Kind::Tags => "''",
            Kind::Uuid => "x''",
        }
    }
    fn rows_of_list(&self, kind: Kind, parameter: &str) -> String {
        match kind {
            Kind::Uuid => format!("SELECT unhex(value) FROM json_each({parameter})"),
            _ => format!("SELECT value FROM json_each({parameter})"),
        }
    }
    fn unindexed(&self, column: &str) -> String {
        format!("+{column}")
    }
    fn bucket(&self, time: &str, origin: Time, width: i64) -> String {
        let since = format!("({time} - {})", Literal(origin));
        format!("({since} / {width} - ({since} % {width} < 0))")
    }
    fn micros_since(&self, time: &str, origin: Time) -> String {
        format!("CAST({time} - {} AS REAL)", Literal(origin))
    }
}

/// Microseconds as a literal, in parentheses if negative (`- -1` would begin a comment without the space).
struct Literal(Time);

impl std::fmt::Display for Literal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.micros() {
            n if n < 0 => write!(f, "({n})"),
            n => write!(f, "{n}"),
        }
    }
}
