//! Reads settings structs out of the tree.
//!
//! A variable has no type, so its text is read as what the struct asks for. That is why this is a reader of our own:
//! a password of digits stays a text, and a list may be written with commas.

use std::collections::btree_map;
use std::vec;

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};

use super::fault::Fault;
use super::node::Node;

/// Between the items of a list in a variable.
const ITEM_SEPARATOR: char = ',';

impl Node {
    fn unexpected(&self) -> Unexpected<'_> {
        match self {
            Self::Table(_) => Unexpected::Map,
            Self::List(_) => Unexpected::Seq,
            Self::Bool(value) => Unexpected::Bool(*value),
            Self::Integer(value) => Unexpected::Signed(*value),
            Self::Float(value) => Unexpected::Float(*value),
            Self::Text(text) | Self::Untyped { text, .. } => Unexpected::Str(text),
        }
    }
}

/// A typed number or truth value: text from a variable is parsed, everything else must be of the type.
macro_rules! typed {
    ($($method:ident $parsed:ty => $visit:ident),+ $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self {
                Node::Untyped { text, .. } => match text.trim().parse::<$parsed>() {
                    Ok(value) => visitor.$visit(value),
                    Err(_) => Err(Fault::invalid_type(Unexpected::Str(&text), &visitor)),
                },
                typed => typed.deserialize_any(visitor),
            }
        }
    )+};
}

/// What needs no knowledge of the type.
macro_rules! any {
    ($($method:ident),+ $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.deserialize_any(visitor)
        }
    )+};
}

impl<'de> Deserializer<'de> for Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Self::Table(table) => visitor.visit_map(Keys {
                rest: table.into_iter(),
                value: None,
            }),
            Self::List(items) => visitor.visit_seq(Items(items.into_iter())),
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Integer(value) => visitor.visit_i64(value),
            Self::Float(value) => visitor.visit_f64(value),
            Self::Text(text) => visitor
                .visit_str(&text)
                .map_err(|fault: Fault| fault.without(&text)),
            Self::Untyped { text, .. } => {
                // Only where the struct does not say what it wants, as inside of an enum with a tag.
                let guess = text.trim();
                if let Ok(value) = guess.parse::<bool>() {
                    visitor.visit_bool(value)
                } else if let Ok(value) = guess.parse::<i64>() {
                    visitor.visit_i64(value)
                } else {
                    visitor
                        .visit_str(&text)
                        .map_err(|fault: Fault| fault.without(&text))
                }
            }
        }
    }

    typed! {
        deserialize_bool bool => visit_bool,
        deserialize_i8 i64 => visit_i64,
        deserialize_i16 i64 => visit_i64,
        deserialize_i32 i64 => visit_i64,
        deserialize_i64 i64 => visit_i64,
        deserialize_u8 u64 => visit_u64,
        deserialize_u16 u64 => visit_u64,
        deserialize_u32 u64 => visit_u64,
        deserialize_u64 u64 => visit_u64,
        deserialize_f32 f64 => visit_f64,
        deserialize_f64 f64 => visit_f64,
    }

    any! { deserialize_char, deserialize_bytes, deserialize_byte_buf, deserialize_map, deserialize_unit }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Self::Untyped { text, .. } => visitor
                .visit_str(&text)
                .map_err(|fault: Fault| fault.without(&text)),
            typed => typed.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Self::Untyped { text, variable } => {
                let items: Vec<Self> = text
                    .split(ITEM_SEPARATOR)
                    .map(str::trim)
                    .filter(|item| !item.is_empty())
                    .map(|item| Self::Untyped {
                        text: item.to_owned(),
                        variable: variable.clone(),
                    })
                    .collect();
                visitor.visit_seq(Items(items.into_iter()))
            }
            typed => typed.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self {
            Self::Table(_) => self.deserialize_any(visitor),
            // A sequence would be taken for the fields in their order, which nobody means.
            other => Err(Fault::invalid_type(other.unexpected(), &visitor)),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self {
            Self::Text(text) | Self::Untyped { text, .. } => {
                visitor.visit_enum(IntoDeserializer::<Fault>::into_deserializer(text.trim()))
            }
            Self::Table(mut table) if table.len() == 1 => match table.pop_first() {
                Some((variant, value)) => visitor.visit_enum(Variant { variant, value }),
                None => Err(Fault::invalid_type(Unexpected::Map, &visitor)),
            },
            other => Err(Fault::invalid_type(other.unexpected(), &visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}

impl IntoDeserializer<'_, Fault> for Node {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The keys of a table; a fault in a value is told with its key.
struct Keys {
    rest: btree_map::IntoIter<String, Node>,
    value: Option<(String, Node)>,
}

impl<'de> MapAccess<'de> for Keys {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((key, value)) = self.rest.next() else {
            return Ok(None);
        };
        let name: StringDeserializer<Fault> = key.clone().into_deserializer();
        self.value = Some((key, value));
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (key, value) = self
            .value
            .take()
            .expect("serde asks for a value only after its key");
        seed.deserialize(value).map_err(|fault| fault.within(&key))
    }
}

/// The items of a list. A fault in an item is one of the list.
struct Items(vec::IntoIter<Node>);

impl<'de> SeqAccess<'de> for Items {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.0.next().map(|item| seed.deserialize(item)).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// A variant that carries a value: a table with the variant as its only key.
struct Variant {
    variant: String,
    value: Node,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Fault;
    type Variant = VariantValue;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, VariantValue), Fault> {
        let name: StringDeserializer<Fault> = self.variant.clone().into_deserializer();
        Ok((seed.deserialize(name)?, VariantValue(self.variant, self.value)))
    }
}

struct VariantValue(String, Node);

impl<'de> VariantAccess<'de> for VariantValue {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Err(Fault::custom("must be a word, not a section"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self.1).map_err(|fault| fault.within(&self.0))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.1
            .deserialize_seq(visitor)
            .map_err(|fault| fault.within(&self.0))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.1
            .deserialize_struct("", fields, visitor)
            .map_err(|fault| fault.within(&self.0))
    }
}
