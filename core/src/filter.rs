//! The closed filter language that every backend evaluates alike.

use crate::{Col, Error, Kind, Value};

/// The longest text of a text match, in bytes: SQLite's limit.
pub const MAX_PATTERN_BYTES: usize = 50_000;

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cmp {
    /// Equal.
    Eq,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
}

impl Cmp {
    /// Whether `a op b` holds. A comparison with null is false.
    pub fn holds(self, a: &Value, b: &Value) -> bool {
        if a.is_null() || b.is_null() {
            return false;
        }
        let order = a.order(b);
        match self {
            Cmp::Eq => order.is_eq(),
            Cmp::Lt => order.is_lt(),
            Cmp::Le => order.is_le(),
            Cmp::Gt => order.is_gt(),
            Cmp::Ge => order.is_ge(),
        }
    }
}

/// A condition on a row. Two-valued: a comparison with null is false, and `Not` is the boolean complement.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of them; true when empty.
    And(Vec<Filter>),
    /// Any of them; false when empty.
    Or(Vec<Filter>),
    /// The complement.
    Not(Box<Filter>),
    /// A column compared with a value. There is no *not equal*: write `Not(Eq)`.
    Compare(Col, Cmp, Value),
    /// A column compared with another column of the same row.
    CompareColumns(Col, Cmp, Col),
    /// The column is one of these values; false when empty.
    In(Col, Vec<Value>),
    /// The column is null.
    IsNull(Col),
    /// Text match: `%` is any text, `_` is any character, nothing is escaped, ASCII letters are folded.
    /// The text may be matched against several columns joined by a space. A null column counts as empty text.
    Like(Vec<Col>, String),
    /// Text contains this text; ASCII letters are folded; nothing is special. Columns as in [`Filter::Like`].
    Contains(Vec<Col>, String),
    /// The text begins with this text, byte for byte.
    StartsWith(Col, String),
    /// The list of tags holds at least one of these; false when empty.
    TagsAny(Col, Vec<String>),
    /// The list of tags holds all of these; true when empty.
    TagsAll(Col, Vec<String>),
    /// The list of tags is empty.
    TagsEmpty(Col),
    /// There is a row of another table whose column `to` equals this row's column `from`, and which meets the filter.
    /// At most three deep.
    Has {
        /// Column of this row.
        from: Col,
        /// Column of the other row.
        to: Col,
        /// What the other row must meet.
        filter: Box<Filter>,
    },
}

impl Filter {
    /// True of every row.
    pub fn all() -> Filter {
        Filter::And(Vec::new())
    }
    /// True of no row.
    pub fn none() -> Filter {
        Filter::Or(Vec::new())
    }
    /// `column = value`
    pub fn eq(column: Col, value: impl Into<Value>) -> Filter {
        Filter::Compare(column, Cmp::Eq, value.into())
    }
    /// `column op value`
    pub fn cmp(column: Col, op: Cmp, value: impl Into<Value>) -> Filter {
        Filter::Compare(column, op, value.into())
    }
    /// `column` is one of `values`.
    pub fn any<V: Into<Value>>(column: Col, values: impl IntoIterator<Item = V>) -> Filter {
        Filter::In(column, values.into_iter().map(Into::into).collect())
    }
    /// `column` is not null.
    pub fn some(column: Col) -> Filter {
        Filter::IsNull(column).negate()
    }
    /// The complement.
    pub fn negate(self) -> Filter {
        Filter::Not(Box::new(self))
    }
    /// Both.
    pub fn and(self, other: Filter) -> Filter {
        match self {
            Filter::And(mut all) => {
                all.push(other);
                Filter::And(all)
            }
            one => Filter::And(vec![one, other]),
        }
    }
    /// There is a related row that meets `filter`; see [`Filter::Has`].
    pub fn has(from: Col, to: Col, filter: Filter) -> Filter {
        Filter::Has { from, to, filter: Box::new(filter) }
    }

    /// Whether the filter looks at rows of another table.
    pub fn looks_at(&self, table: &crate::Table) -> bool {
        match self {
            Filter::And(all) | Filter::Or(all) => all.iter().any(|f| f.looks_at(table)),
            Filter::Not(f) => f.looks_at(table),
            Filter::Has { to, filter, .. } => to.table == table || filter.looks_at(table),
            _ => false,
        }
    }

    /// Checks that the filter is about `table`, compares like with like, and is at most three relations deep.
    ///
    /// # Errors
    /// [`Error::Invalid`]
    pub fn check(&self, table: &crate::Table) -> Result<(), Error> {
        self.check_at(table, 0)
    }

    fn check_at(&self, table: &crate::Table, depth: usize) -> Result<(), Error> {
        let own = |c: &Col| {
            if c.table == table { Ok(()) } else { Err(Error::Invalid(format!("{c:?} in a filter of {}", table.name))) }
        };
        let of_kind = |c: &Col, kind: Kind| {
            own(c)?;
            if c.def().kind == kind { Ok(()) } else { Err(Error::Invalid(format!("{c:?} is not of kind {kind:?}"))) }
        };
        match self {
            Filter::And(all) | Filter::Or(all) => all.iter().try_for_each(|f| f.check_at(table, depth)),
            Filter::Not(f) => f.check_at(table, depth),
            Filter::Compare(c, _, v) => {
                own(c)?;
                comparable_with(c, v)
            }
            Filter::CompareColumns(a, _, b) => {
                own(a)?;
                comparable(a)?;
                of_kind(b, a.def().kind)
            }
            Filter::In(c, values) => {
                own(c)?;
                values.iter().try_for_each(|v| comparable_with(c, v))
            }
            Filter::IsNull(c) => own(c),
            Filter::Like(columns, pattern) | Filter::Contains(columns, pattern) => {
                if pattern.len() > MAX_PATTERN_BYTES {
                    return Err(Error::Invalid(format!(
                        "a text match of {} bytes; the most is {MAX_PATTERN_BYTES}",
                        pattern.len()
                    )));
                }
                if columns.is_empty() {
                    return Err(Error::Invalid("a text match needs a column".into()));
                }
                columns.iter().try_for_each(|c| of_kind(c, Kind::Text))
            }
            Filter::StartsWith(c, _) => of_kind(c, Kind::Text),
            Filter::TagsAny(c, _) | Filter::TagsAll(c, _) | Filter::TagsEmpty(c) => of_kind(c, Kind::Tags),
            Filter::Has { from, to, filter } => {
                own(from)?;
                comparable(from)?;
                if depth == 3 {
                    return Err(Error::Invalid("relations more than three deep".into()));
                }
                if from.def().kind != to.def().kind {
                    return Err(Error::Invalid(format!("{from:?} and {to:?} are of different kinds")));
                }
                filter.check_at(to.table, depth + 1)
            }
        }
    }
}

/// Checks that a column has an order: JSON and tags have none.
pub(crate) fn comparable(column: &Col) -> Result<(), Error> {
    match column.def().kind {
        Kind::Json | Kind::Tags => Err(Error::Invalid(format!("{column:?} cannot be compared"))),
        _ => Ok(()),
    }
}

fn comparable_with(column: &Col, value: &Value) -> Result<(), Error> {
    comparable(column)?;
    match value.kind() {
        Some(k) if k == column.def().kind => Ok(()),
        None if value.is_null() => Ok(()),
        _ => Err(Error::Invalid(format!("{column:?} compared with {value:?}"))),
    }
}
