//! Structs that are read from JSON objects alone: what is derived for a struct takes a list of its fields, too.

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

/// A struct whose JSON is an object; a list is refused.
#[derive(Default)]
pub(crate) struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Object<T>, D::Error> {
        T::deserialize(Members(d)).map(Object)
    }
}

/// Gives a struct that asks for its fields the members of an object.
struct Members<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Members<D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::Object;
    use crate::{FlowRunPolicy, Proposed, TaskRunPolicy};

    #[derive(Debug, Deserialize, PartialEq)]
    struct Point {
        x: i64,
        y: Option<i64>,
    }

    #[test]
    fn an_object_is_read_and_anything_else_is_refused() {
        let read = |value: Value| {
            let of_text = serde_json::from_str::<Object<Point>>(&value.to_string()).ok().map(|point| point.0);
            let of_value = serde_json::from_value::<Object<Point>>(value.clone()).ok().map(|point| point.0);
            assert_eq!(of_text, of_value, "{value}");
            of_value
        };
        assert_eq!(read(json!({"x": 1, "z": []})), Some(Point { x: 1, y: None }));
        assert_eq!(read(json!({"y": 2, "x": 1})), Some(Point { x: 1, y: Some(2) }));
        for refused in [json!([1, 2]), json!([1]), json!([]), json!(null), json!("x"), json!(1), json!({"y": 1})] {
            assert_eq!(read(refused.clone()), None, "{refused}");
        }
    }

    #[test]
    fn what_clients_send_as_an_object_is_no_list() {
        let state = ["RUNNING", "Running"];
        let refused = [
            serde_json::from_value::<Proposed>(json!(state)).is_err(),
            serde_json::from_value::<Proposed>(json!([state[0], null, null, null, {}])).is_err(),
            serde_json::from_value::<Proposed>(json!({"type": state[0], "state_details": []})).is_err(),
            serde_json::from_value::<FlowRunPolicy>(json!([1])).is_err(),
            serde_json::from_value::<FlowRunPolicy>(json!([])).is_err(),
            serde_json::from_value::<TaskRunPolicy>(json!([1])).is_err(),
        ];
        assert_eq!(refused, [true; 6]);
        assert!(serde_json::from_value::<Proposed>(json!({"type": state[0], "state_details": {}})).is_ok());
    }
}
