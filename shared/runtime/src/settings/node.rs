//! Settings before they are read: a tree of tables, from the file and the environment together.

use std::collections::BTreeMap;

/// A table of the tree, by key.
pub(super) type Table = BTreeMap<String, Node>;

/// A value of the tree.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Table(Table),
    List(Vec<Node>),
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    /// From a variable, which says nothing about its type: the key decides.
    Untyped {
        text: String,
        variable: String,
    },
}

impl Node {
    /// The variable that the value, or something in it, came from.
    pub(super) fn variable(&self) -> Option<&str> {
        match self {
            Self::Untyped { variable, .. } => Some(variable),
            Self::Table(table) => table.values().find_map(Self::variable),
            Self::List(items) => items.iter().find_map(Self::variable),
            _ => None,
        }
    }
}

pub(super) fn from_toml(table: toml::Table) -> Table {
    table.into_iter().map(|(key, value)| (key, node(value))).collect()
}

fn node(value: toml::Value) -> Node {
    match value {
        toml::Value::Table(table) => Node::Table(from_toml(table)),
        toml::Value::Array(items) => Node::List(items.into_iter().map(node).collect()),
        toml::Value::Boolean(value) => Node::Bool(value),
        toml::Value::Integer(value) => Node::Integer(value),
        toml::Value::Float(value) => Node::Float(value),
        toml::Value::String(text) => Node::Text(text),
        toml::Value::Datetime(time) => Node::Text(time.to_string()),
    }
}

/// Puts a value where `path` leads, over what was there. Gives the value back when the path leads through something
/// that is no table.
pub(super) fn insert(tree: &mut Table, path: &[String], value: Node) -> Result<(), Node> {
    match path {
        [] => Err(value),
        [key] => {
            tree.insert(key.clone(), value);
            Ok(())
        }
        [key, rest @ ..] => match tree
            .entry(key.clone())
            .or_insert_with(|| Node::Table(Table::default()))
        {
            Node::Table(inner) => insert(inner, rest, value),
            _ => Err(value),
        },
    }
}

/// Takes out what `path` leads to, or the nearest thing around it: a missing key is taken out with its table.
/// `None` when not even that is there.
pub(super) fn remove(tree: &mut Table, path: &[String]) -> Option<Node> {
    let (key, rest) = path.split_first()?;
    if let Some(Node::Table(inner)) = tree.get_mut(key)
        && let Some(removed) = remove(inner, rest)
    {
        return Some(removed);
    }
    tree.remove(key)
}
