//! Reading: selections and aggregates.

use crate::filter::comparable;
use crate::{Col, Error, Filter, Kind, Table, Time, Value};

/// Direction of an order. Null is the least value: first ascending, last descending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Least first.
    Asc,
    /// Greatest first.
    Desc,
}

/// Rows of one table.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The table.
    pub table: &'static Table,
    /// Which rows.
    pub filter: Filter,
    /// In which order. The primary key is appended, in the direction of the last entry, as tie-break.
    pub order: Vec<(Col, Direction)>,
    /// At most so many rows. There is no unlimited query.
    pub limit: u64,
    /// Skip so many rows first.
    pub offset: u64,
    /// Only rows that come after this position: one value per entry of the order, then the primary key.
    pub after: Option<Vec<Value>>,
    /// The columns to read, in this order; all when `None`.
    pub columns: Option<Vec<Col>>,
    /// The first `k` rows for each of these values of a column, instead of the first `limit` of all.
    pub each: Option<Each>,
}

/// See [`Query::each`].
#[derive(Clone, Debug, PartialEq)]
pub struct Each {
    /// The column that splits the rows into groups.
    pub column: Col,
    /// The groups to read. One that is null selects nothing, as null equals nothing.
    pub values: Vec<Value>,
    /// At most so many rows of each group, in the query's order. Groups come in the order of `values`; the query's
    /// `limit` does not count, and `offset` and `after` must not be given.
    pub k: u64,
}

impl Query {
    /// All rows of a table, by primary key, at most 200.
    pub fn of(table: &'static Table) -> Query {
        Query {
            table,
            filter: Filter::all(),
            order: Vec::new(),
            limit: 200,
            offset: 0,
            after: None,
            columns: None,
            each: None,
        }
    }
    /// With this filter.
    pub fn filter(mut self, filter: Filter) -> Query {
        self.filter = filter;
        self
    }
    /// Also ordered by this column.
    pub fn order(mut self, column: Col, direction: Direction) -> Query {
        self.order.push((column, direction));
        self
    }
    /// With this limit.
    pub fn limit(mut self, limit: u64) -> Query {
        self.limit = limit;
        self
    }
    /// With this offset.
    pub fn offset(mut self, offset: u64) -> Query {
        self.offset = offset;
        self
    }
    /// After this position; see [`Query::after`].
    pub fn after(mut self, position: Vec<Value>) -> Query {
        self.after = Some(position);
        self
    }

    /// The order with its tie-break, as every backend must apply it.
    pub fn full_order(&self) -> Vec<(Col, Direction)> {
        let mut order = self.order.clone();
        let direction = order.last().map_or(Direction::Asc, |&(_, d)| d);
        for &ordinal in self.table.key {
            let column = Col { table: self.table, ordinal };
            if !order.iter().any(|&(c, _)| c == column) {
                order.push((column, direction));
            }
        }
        order
    }

    /// Checks that all parts are about one table and fit together.
    ///
    /// # Errors
    /// [`Error::Invalid`]
    pub fn check(&self) -> Result<(), Error> {
        self.filter.check(self.table)?;
        let own = |c: &Col| {
            if c.table == self.table {
                Ok(())
            } else {
                Err(Error::Invalid(format!("{c:?} in a query of {}", self.table.name)))
            }
        };
        self.order.iter().try_for_each(|(c, _)| own(c).and_then(|()| comparable(c)))?;
        self.columns.iter().flatten().try_for_each(own)?;
        if let Some(each) = &self.each {
            own(&each.column)?;
            comparable(&each.column)?;
            each.values.iter().try_for_each(|v| self.check_value(each.column, v))?;
            if self.offset > 0 || self.after.is_some() {
                return Err(Error::Invalid("groups are read from their start: no offset, no position".into()));
            }
        }
        if let Some(after) = &self.after {
            let order = self.full_order();
            if after.len() != order.len() {
                return Err(Error::Invalid(format!(
                    "a position of {} values, the order has {}",
                    after.len(),
                    order.len()
                )));
            }
            for ((column, _), value) in order.iter().zip(after) {
                self.check_value(*column, value)?;
            }
        }
        Ok(())
    }

    fn check_value(&self, column: Col, value: &Value) -> Result<(), Error> {
        match value {
            Value::Null => Ok(()),
            Value::IdOf(_) => Err(Error::Invalid("a query refers to an op".into())),
            value => self.table.check(column.ordinal, value),
        }
    }
}

/// What rows are grouped by.
#[derive(Clone, Debug, PartialEq)]
pub enum Group {
    /// The value of a column.
    Column(Col),
    /// The number (an `Int`, floor division) of the time bucket of a column: `(time - origin) / width`; null if the time is null.
    Bucket {
        /// A column of kind [`Kind::Time`](crate::Kind::Time).
        column: Col,
        /// Start of bucket 0.
        origin: Time,
        /// Width of a bucket in microseconds, above 0.
        width: i64,
    },
}

/// What is computed of each group. Nulls are left out of sums, minima and maxima; those of no value are null.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// Number of rows, an `Int`.
    Count,
    /// Number of distinct values that are not null, an `Int`.
    CountDistinct(Col),
    /// Sum of an `Int` or `Float` column, of the same kind.
    Sum(Col),
    /// Sum of microseconds since an origin of a `Time` column, a `Float` (it does not overflow).
    SumSince(Col, Time),
    /// Least value.
    Min(Col),
    /// Greatest value.
    Max(Col),
}

/// Groups of rows of one table and their measures.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// The table.
    pub table: &'static Table,
    /// Which rows.
    pub filter: Filter,
    /// What they are grouped by; one group of all rows (also of none) when empty.
    pub by: Vec<Group>,
    /// What is computed of each group.
    pub measures: Vec<Measure>,
    /// Order by output position (groups first, then measures); then by all groups, ascending.
    pub order: Vec<(usize, Direction)>,
    /// At most so many groups.
    pub limit: u64,
}

impl Aggregate {
    /// The number of rows that meet a filter.
    pub fn count(table: &'static Table, filter: Filter) -> Aggregate {
        Aggregate { table, filter, by: Vec::new(), measures: vec![Measure::Count], order: Vec::new(), limit: 1 }
    }

    /// Checks that all parts are about one table and fit together.
    ///
    /// # Errors
    /// [`Error::Invalid`]
    pub fn check(&self) -> Result<(), Error> {
        self.filter.check(self.table)?;
        let own = |c: &Col| {
            if c.table == self.table {
                Ok(())
            } else {
                Err(Error::Invalid(format!("{c:?} in an aggregate of {}", self.table.name)))
            }
        };
        for group in &self.by {
            match group {
                Group::Column(c) => own(c).and_then(|()| comparable(c))?,
                Group::Bucket { column, width, .. } => {
                    own(column)?;
                    if *width <= 0 || column.def().kind != Kind::Time {
                        return Err(Error::Invalid("a bucket needs a time column and a width above 0".into()));
                    }
                }
            }
        }
        for measure in &self.measures {
            match measure {
                Measure::Count => {}
                Measure::Sum(c) => own(c).and_then(|()| of_kind(c, &[Kind::Int, Kind::Float]))?,
                Measure::SumSince(c, _) => own(c).and_then(|()| of_kind(c, &[Kind::Time]))?,
                Measure::Min(c) | Measure::Max(c) | Measure::CountDistinct(c) => {
                    own(c).and_then(|()| comparable(c))?;
                }
            }
        }
        if self.order.iter().any(|&(i, _)| i >= self.by.len() + self.measures.len()) {
            return Err(Error::Invalid("an order by an output that is not there".into()));
        }
        Ok(())
    }
}

fn of_kind(column: &Col, kinds: &[Kind]) -> Result<(), Error> {
    if kinds.contains(&column.def().kind) {
        Ok(())
    } else {
        Err(Error::Invalid(format!("{column:?} is of none of the kinds {kinds:?}")))
    }
}
