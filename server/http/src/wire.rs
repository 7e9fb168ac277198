//! Values of the wire that need a reading of their own: instants, durations, enumerations.

use std::borrow::Cow;

use mintaka_core::{TextEnum, Time};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{MaybeUndefined, ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::echo::{NAME, cut, shown_text};
use crate::{ApiError, Problem};

macro_rules! inline_type {
    ($(generic $param:ident: $bound:path,)? for $type:ty, $schema:expr) => {
        impl$(<$param: $bound>)? Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;
            fn name() -> Cow<'static, str> {
                stringify!($type).into()
            }
            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Inline(Box::new($schema))
            }
            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }
            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::empty())
            }
        }
    };
}

/// An instant in a request or an answer; without a zone it is UTC; a number is seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct When(pub Time);

inline_type!(for When, MetaSchema::new_with_format("string", "date-time"));

impl ParseFromJSON for When {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let value = value.unwrap_or_default();
        let time = match &value {
            Value::String(text) => Time::parse(text),
            Value::Number(n) => n.as_f64().and_then(Time::parse_number),
            _ => None,
        };
        time.map(When).ok_or_else(|| ParseError::custom(format!("{} is not a date and time", shown_text(&value))))
    }
}

impl ParseFromParameter for When {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        Time::parse(value)
            .map(When)
            .ok_or_else(|| ParseError::custom(format!("`{}` is not a date and time", cut(value, NAME))))
    }
}

impl ToJSON for When {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.0.to_string()))
    }
}

/// A length of time in seconds; ISO 8601 text such as `PT1H30M` is read too.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Duration(pub f64);

inline_type!(for Duration, MetaSchema::new_with_format("number", "time-delta"));

impl ParseFromJSON for Duration {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let value = value.unwrap_or_default();
        let seconds = match &value {
            Value::Number(n) => n.as_f64(),
            Value::String(text) => text.parse().ok().or_else(|| iso_seconds(text)),
            _ => None,
        };
        seconds
            .map(Duration)
            .ok_or_else(|| ParseError::custom(format!("{} is not a number of seconds", shown_text(&value))))
    }
}

impl ToJSON for Duration {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.into())
    }
}

fn iso_seconds(text: &str) -> Option<f64> {
    let (sign, rest) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let mut seconds = 0.0;
    let (mut number, mut in_time) = (String::new(), false);
    for c in rest.strip_prefix('P')?.chars() {
        match c {
            'T' => in_time = true,
            '0'..='9' | '.' => number.push(c),
            unit => {
                let n: f64 = number.parse().ok()?;
                number.clear();
                seconds += n * match (unit, in_time) {
                    ('W', false) => 604_800.0,
                    ('D', false) => 86_400.0,
                    ('H', true) => 3600.0,
                    ('M', true) => 60.0,
                    ('S', true) => 1.0,
                    _ => return None,
                };
            }
        }
    }
    number.is_empty().then_some(sign * seconds)
}

/// A value of an enumeration of the domain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice<T>(pub T);

inline_type!(generic T: TextEnum, for Choice<T>, MetaSchema {
    enum_items: T::texts().into_iter().map(Into::into).collect(),
    ..MetaSchema::new("string")
});

impl<T: TextEnum> ParseFromJSON for Choice<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let value = value.unwrap_or_default();
        value
            .as_str()
            .and_then(T::from_text)
            .map(Choice)
            .ok_or_else(|| ParseError::custom(format!("{} is none of {}", shown_text(&value), T::texts().join(", "))))
    }
}

impl<T: TextEnum + Serialize> Serialize for Choice<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(s)
    }
}

impl<T: TextEnum + Serialize> ToJSON for Choice<T> {
    fn to_json(&self) -> Option<Value> {
        serde_json::to_value(self.0).ok()
    }
}

/// A value or null, as a whole answer or in a map. Members of objects need no more than an `Option`: the document says of
/// those that they may be null.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Nullable<T>(pub Option<T>);

impl<T: Type> Type for Nullable<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = T::RawValueType;
    type RawElementValueType = T::RawElementValueType;
    fn name() -> Cow<'static, str> {
        format!("nullable_{}", T::name()).into()
    }
    fn schema_ref() -> MetaSchemaRef {
        let nullable = match T::schema_ref() {
            MetaSchemaRef::Inline(schema) => MetaSchema { nullable: true, ..*schema },
            // A reference has no room for anything else.
            reference => MetaSchema { nullable: true, all_of: vec![reference], ..MetaSchema::ANY },
        };
        MetaSchemaRef::Inline(Box::new(nullable))
    }
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        self.0.as_ref().and_then(T::as_raw_value)
    }
    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
        self.0.as_ref().map_or_else(|| Box::new(std::iter::empty()) as _, T::raw_element_iter)
    }
}

/// A text that may be left out, but not be null.
///
/// # Errors
/// 422 for null.
pub fn text_unless_absent(member: &str, sent: MaybeUndefined<String>) -> Result<Option<String>, ApiError> {
    match sent {
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Value(text) => Ok(Some(text)),
        MaybeUndefined::Null => {
            let problem = Problem {
                r#type: "string_type".into(),
                input: Some(Value::Null),
                ..Problem::value(member, "Input should be a valid string")
            };
            Err(ApiError::invalid(vec![problem], None))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::iso_seconds;

    #[test]
    fn iso_durations_are_seconds() {
        for (text, seconds) in [("PT1H30M", 5400.0), ("P1DT0.5S", 86_400.5), ("-PT2S", -2.0), ("P1W", 604_800.0)] {
            assert_eq!(iso_seconds(text), Some(seconds), "{text}");
        }
        for text in ["", "P5", "1H", "PT1D"] {
            assert_eq!(iso_seconds(text), None, "{text}");
        }
    }
}
