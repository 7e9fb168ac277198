//! The one value type of every backend, and how Rust types map to it.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{Error, Time};

/// What a column can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// True or false.
    Bool,
    /// 64-bit signed integer.
    Int,
    /// Finite 64-bit float.
    Float,
    /// UTF-8 text without NUL; compared by bytes.
    Text,
    /// 128-bit identifier.
    Uuid,
    /// Instant in microseconds.
    Time,
    /// Opaque JSON text: kept byte for byte, never compared, never a key.
    Json,
    /// A list of texts, order and duplicates kept.
    Tags,
}

/// A value of a column, normalised when built: text holds no NUL (it becomes U+FFFD), floats are finite.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value. Sorts first ascending; never equal to anything in a filter; never collides in a unique key.
    Null,
    /// See [`Kind::Bool`].
    Bool(bool),
    /// See [`Kind::Int`].
    Int(i64),
    /// See [`Kind::Float`].
    Float(f64),
    /// See [`Kind::Text`].
    Text(String),
    /// See [`Kind::Uuid`].
    Uuid(Uuid),
    /// See [`Kind::Time`].
    Time(Time),
    /// See [`Kind::Json`].
    Json(String),
    /// See [`Kind::Tags`].
    Tags(Vec<String>),
    /// Only inside a batch: the id of the row that the `n`th op of the same batch made or found.
    IdOf(usize),
}

impl Value {
    /// Text, with NUL replaced by U+FFFD.
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(without_nul(text.into()))
    }

    /// A float; one that is not finite becomes 0, and so does the negative zero, which engines do not keep apart.
    pub fn float(x: f64) -> Value {
        Value::Float(if x.is_finite() && x != 0.0 { x } else { 0.0 })
    }

    /// True for [`Value::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The kind of this value; `None` for null and for a reference to another op.
    pub fn kind(&self) -> Option<Kind> {
        Some(match self {
            Value::Null | Value::IdOf(_) => return None,
            Value::Bool(_) => Kind::Bool,
            Value::Int(_) => Kind::Int,
            Value::Float(_) => Kind::Float,
            Value::Text(_) => Kind::Text,
            Value::Uuid(_) => Kind::Uuid,
            Value::Time(_) => Kind::Time,
            Value::Json(_) => Kind::Json,
            Value::Tags(_) => Kind::Tags,
        })
    }

    /// Total order within one kind: null first, text by bytes, UUIDs by bytes, ints and floats by number.
    pub fn order(&self, other: &Value) -> Ordering {
        use Value::{Bool, Float, Int, Json, Null, Tags, Text, Time, Uuid};
        match (self, other) {
            (Null, Null) => Ordering::Equal,
            (Null, _) => Ordering::Less,
            (_, Null) => Ordering::Greater,
            (Bool(a), Bool(b)) => a.cmp(b),
            (Int(a), Int(b)) => a.cmp(b),
            (Float(a), Float(b)) => a.total_cmp(b),
            (Int(a), Float(b)) => (*a as f64).total_cmp(b),
            (Float(a), Int(b)) => a.total_cmp(&(*b as f64)),
            (Text(a), Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Uuid(a), Uuid(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Time(a), Time(b)) => a.cmp(b),
            (Json(a), Json(b)) => a.cmp(b),
            (Tags(a), Tags(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Value::Null => 0,
            Value::Bool(_) => 1,
            Value::Int(_) | Value::Float(_) => 2,
            Value::Text(_) => 3,
            Value::Uuid(_) => 4,
            Value::Time(_) => 5,
            Value::Json(_) => 6,
            Value::Tags(_) => 7,
            Value::IdOf(_) => 8,
        }
    }

    /// Bytes that it takes in an entry of an index; of tags, which have an entry each, the longest.
    pub(crate) fn key_size(&self) -> usize {
        match self {
            Value::Text(text) => text.len(),
            Value::Tags(tags) => tags.iter().map(String::len).max().unwrap_or(0),
            _ => 16,
        }
    }

    /// Rough size in memory, in bytes, for the bounds of queues.
    pub fn size(&self) -> usize {
        16 + match self {
            Value::Text(s) | Value::Json(s) => s.len(),
            Value::Tags(t) => t.iter().map(|s| s.len() + 24).sum(),
            _ => 0,
        }
    }
}

fn without_nul(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// Totally ordered wrapper, for keys in maps.
#[derive(Clone, Debug)]
pub struct Ordered(pub Value);

impl PartialEq for Ordered {
    fn eq(&self, other: &Ordered) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Ordered {}
impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Ordered) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Ordered {
    fn cmp(&self, other: &Ordered) -> Ordering {
        self.0.order(&other.0)
    }
}

/// Opaque JSON, kept as the text it came as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json(String);

impl Json {
    /// The JSON text of a value.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Json {
        // Serialising our own types cannot fail: string keys, finite floats.
        Json(serde_json::to_string(value).unwrap_or_else(|_| "null".into()))
    }

    /// `{}`
    pub fn object() -> Json {
        Json("{}".into())
    }

    /// `[]`
    pub fn array() -> Json {
        Json("[]".into())
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Parsed as `T`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the text is not a `T`.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.0).map_err(|e| Error::Corrupt(format!("stored JSON: {e}")))
    }

    /// Parsed as free JSON; null if the text is damaged.
    pub fn value(&self) -> serde_json::Value {
        serde_json::from_str(&self.0).unwrap_or(serde_json::Value::Null)
    }

    /// Whether the text is `null`.
    pub fn is_null(&self) -> bool {
        self.0 == "null"
    }
}

impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Json {
        Json(value.to_string())
    }
}

impl Default for Json {
    fn default() -> Json {
        Json::object()
    }
}

impl Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match serde_json::from_str::<&serde_json::value::RawValue>(&self.0) {
            Ok(raw) => raw.serialize(s),
            Err(_) => s.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Json, D::Error> {
        Ok(Json(serde_json::Value::deserialize(d)?.to_string()))
    }
}

/// A list of tags, order and duplicates kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(pub Vec<String>);

impl<S: Into<String>> FromIterator<S> for Tags {
    fn from_iter<I: IntoIterator<Item = S>>(iter: I) -> Tags {
        Tags(iter.into_iter().map(Into::into).collect())
    }
}

/// A Rust type that a column can hold.
pub trait Field: Sized {
    /// The column's kind.
    const KIND: Kind;
    /// Whether the column may be null.
    const NULLABLE: bool = false;
    /// To the column's value.
    fn into_value(self) -> Value;
    /// From the column's value.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the value is of another kind.
    fn from_value(value: Value) -> Result<Self, Error>;
}

fn mismatch<T>(value: &Value, kind: Kind) -> Result<T, Error> {
    Err(Error::Corrupt(format!("stored value {value:?} is not of kind {kind:?}")))
}

macro_rules! field {
    ($type:ty, $kind:ident, $into:expr, $pattern:pat => $from:expr) => {
        impl Field for $type {
            const KIND: Kind = Kind::$kind;
            fn into_value(self) -> Value {
                #[allow(clippy::redundant_closure_call)] // one macro, conversions of every shape
                ($into)(self)
            }
            fn from_value(value: Value) -> Result<Self, Error> {
                match value {
                    $pattern => Ok($from),
                    other => mismatch(&other, Kind::$kind),
                }
            }
        }
        impl From<$type> for Value {
            fn from(x: $type) -> Value {
                x.into_value()
            }
        }
    };
}
field!(bool, Bool, Value::Bool, Value::Bool(b) => b);
field!(i64, Int, Value::Int, Value::Int(n) => n);
field!(f64, Float, Value::float, Value::Float(x) => x);
field!(String, Text, Value::text, Value::Text(s) => s);
field!(Uuid, Uuid, Value::Uuid, Value::Uuid(u) => u);
field!(Time, Time, Value::Time, Value::Time(t) => t);
field!(Json, Json, |j: Json| Value::Json(j.0), Value::Json(s) => Json(s));
field!(Tags, Tags, |t: Tags| Value::Tags(t.0.into_iter().map(without_nul).collect()), Value::Tags(t) => Tags(t));

impl From<&str> for Value {
    fn from(s: &str) -> Value {
        Value::text(s)
    }
}

impl<T: Field> Field for Option<T> {
    const KIND: Kind = T::KIND;
    const NULLABLE: bool = true;
    fn into_value(self) -> Value {
        self.map_or(Value::Null, Field::into_value)
    }
    fn from_value(value: Value) -> Result<Self, Error> {
        if value.is_null() { Ok(None) } else { T::from_value(value).map(Some) }
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(x: Option<T>) -> Value {
        x.map_or(Value::Null, Into::into)
    }
}

/// An enumeration that is stored and sent as text. Made by [`text_enum!`](crate::text_enum).
pub trait TextEnum: Copy + Send + Sync + 'static {
    /// Name of the type, as in the API's document.
    const NAME: &'static str;
    /// The texts of all values, in declared order.
    fn texts() -> Vec<&'static str>;
    /// The value that has this text.
    fn from_text(text: &str) -> Option<Self>;
}

/// Declares an enumeration that is stored and sent as text.
#[macro_export]
macro_rules! text_enum {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, $crate::serde::Serialize, $crate::serde::Deserialize)]
        #[serde(crate = "::mintaka_core::serde")]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }
        impl $name {
            /// Every value, in declared order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
            /// The text that is stored and sent.
            pub const fn as_str(self) -> &'static str { match self { $($name::$variant => $text),+ } }
            /// The value that has this text.
            pub fn parse(text: &str) -> Option<$name> { match text { $($text => Some($name::$variant),)+ _ => None } }
        }
        impl $crate::TextEnum for $name {
            const NAME: &'static str = stringify!($name);
            fn texts() -> Vec<&'static str> { vec![$($text),+] }
            fn from_text(text: &str) -> Option<$name> { $name::parse(text) }
        }
        impl Default for $name {
            fn default() -> $name { $name::ALL[0] }
        }
        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result { f.write_str(self.as_str()) }
        }
        impl $crate::Field for $name {
            const KIND: $crate::Kind = $crate::Kind::Text;
            fn into_value(self) -> $crate::Value { $crate::Value::Text(self.as_str().into()) }
            fn from_value(value: $crate::Value) -> Result<Self, $crate::Error> {
                match value {
                    $crate::Value::Text(s) => $name::parse(&s)
                        .ok_or_else(|| $crate::Error::Corrupt(format!("`{s}` is no {}", stringify!($name)))),
                    other => Err($crate::Error::Corrupt(format!("{other:?} is no {}", stringify!($name)))),
                }
            }
        }
        impl From<$name> for $crate::Value {
            fn from(x: $name) -> $crate::Value { $crate::Field::into_value(x) }
        }
    };
}
