//! Named orders of lists.

/// Declares the orders that a list can be asked for: each name is columns with directions.
///
/// ```ignore
/// sort! {
///     /// Orders of flows.
///     pub FlowSort { "NAME_ASC" => [flow::name Asc], "CREATED_DESC" => [flow::created Desc] }
/// }
/// ```
/// The type is read from JSON text; an unknown name is a fault of the body. `order()` gives columns and directions.
#[macro_export]
macro_rules! sort {
    ($(#[$doc:meta])* pub $name:ident { $($text:literal => [$($column:path, $direction:ident);+]),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(&'static str);

        impl $name {
            /// The order of this name.
            ///
            /// # Errors
            /// A 422 that lists the names.
            pub fn named(text: &str) -> Option<$name> {
                match text { $($text => Some($name($text)),)+ _ => None }
            }
            /// Columns and directions.
            pub fn order(self) -> Vec<(::mintaka_core::Col, ::mintaka_core::Direction)> {
                match self.0 {
                    $($text => vec![$(($column, ::mintaka_core::Direction::$direction)),+],)+
                    _ => Vec::new(),
                }
            }
        }

        impl $crate::poem_openapi::types::Type for $name {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;
            fn name() -> ::std::borrow::Cow<'static, str> { stringify!($name).into() }
            fn schema_ref() -> $crate::poem_openapi::registry::MetaSchemaRef {
                $crate::poem_openapi::registry::MetaSchemaRef::Reference(stringify!($name).into())
            }
            fn register(registry: &mut $crate::poem_openapi::registry::Registry) {
                registry.create_schema::<Self, _>(stringify!($name).into(), |_| {
                    let mut schema = $crate::poem_openapi::registry::MetaSchema::new("string");
                    schema.enum_items = vec![$($text.into()),+];
                    schema
                });
            }
            fn as_raw_value(&self) -> Option<&Self> { Some(self) }
            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> { Box::new(::std::iter::empty()) }
        }

        impl $crate::poem_openapi::types::ParseFromJSON for $name {
            fn parse_from_json(value: Option<::serde_json::Value>) -> $crate::poem_openapi::types::ParseResult<Self> {
                let value = value.unwrap_or_default();
                value.as_str().and_then($name::named).ok_or_else(|| {
                    let names: &[&str] = &[$($text),+];
                    $crate::poem_openapi::types::ParseError::custom(format!("sort {} is none of {}", $crate::shown_text(&value), names.join(", ")))
                })
            }
        }

        impl $crate::poem_openapi::types::ToJSON for $name {
            fn to_json(&self) -> Option<::serde_json::Value> { Some(self.0.into()) }
        }
    };
}
