//! Typed records over erased rows.

use crate::{Error, Row, Table, Value};

/// A typed row of one table. Made by [`record!`](crate::record).
pub trait Record: Default + Clone + Send + Sync + 'static {
    /// The table.
    const TABLE: &'static Table;
    /// Name of the type, as in the API's document.
    const NAME: &'static str;
    /// All values in declared order.
    fn into_values(self) -> Vec<Value>;
    /// From all values in declared order.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a value is of another kind, or the number of values is another.
    fn from_values(values: Vec<Value>) -> Result<Self, Error>;
    /// The primary key.
    fn key(&self) -> Vec<Value>;
}

/// A record as it was read, with the version that guards a change of it.
#[derive(Clone, Debug)]
pub struct Versioned<R> {
    /// The record.
    pub record: R,
    /// Its version.
    pub version: i64,
}

impl<R: Record> Versioned<R> {
    /// From a row.
    ///
    /// # Errors
    /// [`Error::Corrupt`], see [`Record::from_values`].
    pub fn from_row(row: Row) -> Result<Versioned<R>, Error> {
        Ok(Versioned { record: R::from_values(row.values)?, version: row.version })
    }
}

impl<R> std::ops::Deref for Versioned<R> {
    type Target = R;
    fn deref(&self) -> &R {
        &self.record
    }
}

/// Declares a record: its struct, its table, and a module of its columns.
///
/// ```ignore
/// record! {
///     /// A flow.
///     pub struct Flow in "flow", columns flow {
///         /// Identifier.
///         id: Uuid,
///         name: String,
///         #[soft] last_polled: Option<Time>,
///         #[internal] sort_time: Time,
///     }
///     key (id);
///     unique (name);
///     index "ix_flow__created" (created);
/// }
/// ```
/// A stream adds `stream (writer, seq);`, two columns of type `i64` that the backend stamps.
/// Columns marked `internal` are not serialised. The default of a record is null wherever that is allowed, and else zero,
/// empty, or the first of an enumeration.
#[macro_export]
macro_rules! record {
    (
        $(#[$doc:meta])*
        pub struct $name:ident in $table:literal, columns $module:ident {
            $( $(#[doc = $fdoc:literal])* $( #[soft $($soft:tt)?] )? $( #[internal $($internal:tt)?] )? $field:ident : $type:ty ),+ $(,)?
        }
        key ( $($key:ident),+ );
        $( unique ( $($unique:ident),+ ); )?
        $( index $iname:literal ( $($icol:ident),+ ); )*
        $( stream ( $writer:ident, $seq:ident ); )?
    ) => {
        $(#[$doc])*
        #[allow(missing_docs)] // a field is the column of its name
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name { $( $(#[doc = $fdoc])* pub $field: $type ),+ }

        #[doc = concat!("Columns of `", $table, "`.")]
        #[allow(non_upper_case_globals)] // a column is written as it is named in the table
        pub mod $module {
            #[allow(unused_imports)]
            use super::*;
            #[allow(non_camel_case_types, dead_code, clippy::enum_variant_names)] // positions of the columns
            #[repr(usize)]
            enum Ordinal { $( $field ),+ }
            $( #[doc = concat!("Column `", stringify!($field), "`.")]
               pub const $field: $crate::Col = $crate::Col { table: &TABLE, ordinal: Ordinal::$field as usize }; )+
            /// The table.
            pub static TABLE: $crate::Table = $crate::Table {
                name: $table,
                columns: &[ $( $crate::ColumnDef {
                    name: $crate::column_name(stringify!($field)),
                    kind: <$type as $crate::Field>::KIND,
                    nullable: <$type as $crate::Field>::NULLABLE,
                    soft: $crate::record!(@flag $( soft $($soft)? )?),
                    internal: $crate::record!(@flag $( internal $($internal)? )?),
                } ),+ ],
                key: &[ $( Ordinal::$key as usize ),+ ],
                unique: $crate::record!(@unique $( $(Ordinal::$unique as usize),+ )?),
                indexes: &[ $( $crate::Index { name: $iname, columns: &[ $( Ordinal::$icol as usize ),+ ] } ),* ],
                stream: $crate::record!(@stream $( Ordinal::$writer as usize, Ordinal::$seq as usize )?),
            };
        }

        impl $crate::Record for $name {
            const TABLE: &'static $crate::Table = &$module::TABLE;
            const NAME: &'static str = stringify!($name);
            fn into_values(self) -> Vec<$crate::Value> {
                vec![ $( $crate::Field::into_value(self.$field) ),+ ]
            }
            fn from_values(values: Vec<$crate::Value>) -> Result<Self, $crate::Error> {
                let mut values = values.into_iter();
                let record = $name { $( $field: $crate::Field::from_value(
                    values.next().ok_or_else(|| $crate::Error::Corrupt(concat!("short row of ", $table).into()))?
                )? ),+ };
                Ok(record)
            }
            fn key(&self) -> Vec<$crate::Value> {
                vec![ $( $crate::Field::into_value(self.$key.clone()) ),+ ]
            }
        }

        impl $crate::serde::Serialize for $name {
            fn serialize<S: $crate::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use $crate::serde::ser::SerializeMap;
                let mut map = serializer.serialize_map(None)?;
                $( if !$crate::record!(@flag $( internal $($internal)? )?) {
                    map.serialize_entry($crate::column_name(stringify!($field)), &self.$field)?;
                } )+
                map.end()
            }
        }
    };
    (@flag) => { false };
    (@flag $($x:tt)+) => { true };
    (@unique) => { None };
    (@unique $($x:expr),+) => { Some(&[ $($x),+ ]) };
    (@stream) => { None };
    (@stream $w:expr, $s:expr) => { Some(($w, $s)) };
}

/// The name of a column from the spelling of its field: `r#type` is `type`.
#[doc(hidden)]
pub const fn column_name(field: &'static str) -> &'static str {
    let bytes = field.as_bytes();
    if bytes.len() > 2 && bytes[0] == b'r' && bytes[1] == b'#' { field.split_at(2).1 } else { field }
}
