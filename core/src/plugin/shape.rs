//! The view on a JSON schema that checking and explaining share: references followed, `null` left out.
//!
//! It knows what schemars writes for config structs, not all of JSON Schema. What it does not understand accepts
//! everything: the struct itself still judges.

use serde_json::Value as Json;

/// Maximum number of references to follow, because schemas can be recursive.
const MAX_HOPS: usize = 16;

/// A place in a schema.
#[derive(Clone, Copy)]
pub(crate) struct Shape<'s> {
    root: &'s Json,
    at: &'s Json,
}

/// The fields of a table.
pub(crate) struct TableShape<'s> {
    /// The fields that have a name, in the order of the struct.
    pub(crate) fields: Vec<(&'s str, Shape<'s>)>,
    /// The fields that must be there.
    pub(crate) required: Vec<&'s str>,
    /// The schema of all other keys; none if there are no others.
    pub(crate) others: Option<Shape<'s>>,
}

impl<'s> Shape<'s> {
    pub(crate) fn of(schema: &'s schemars::Schema) -> Self {
        Self { root: schema.as_value(), at: schema.as_value() }
    }

    fn on(self, at: &'s Json) -> Self {
        Self { at, ..self }
    }

    /// The text of a keyword such as `description`, here or where references lead to.
    pub(crate) fn keyword(self, name: &str) -> Option<&'s Json> {
        let mut here = self;
        for _ in 0..MAX_HOPS {
            if let Some(found) = here.at.get(name) {
                return Some(found);
            }
            here = here.next()?;
        }
        None
    }

    /// One step along a reference, or into the only alternative that is not `null`.
    fn next(self) -> Option<Self> {
        if let Some(target) = self.at.get("$ref").and_then(Json::as_str) {
            let pointer = target.strip_prefix('#')?;
            return self.root.pointer(pointer).map(|at| self.on(at));
        }
        match self.branches()?.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    fn branches(self) -> Option<Vec<Self>> {
        let list = ["anyOf", "oneOf", "allOf"].iter().find_map(|name| self.at.get(name)?.as_array())?;
        Some(
            list.iter()
                .filter(|at| at.get("type").and_then(Json::as_str) != Some("null"))
                .map(|at| self.on(at))
                .collect(),
        )
    }

    /// The schemas of which a value must fit one.
    pub(crate) fn alternatives(self) -> Vec<Self> {
        let mut found = Vec::new();
        self.collect(&mut found, MAX_HOPS);
        found
    }

    fn collect(self, found: &mut Vec<Self>, hops: usize) {
        let here = std::iter::successors(Some(self), |here| here.at.get("$ref").and_then(|_| here.next()));
        let here = here.take(MAX_HOPS).last().unwrap_or(self);
        match here.branches() {
            Some(branches) if hops > 0 => branches.into_iter().for_each(|branch| branch.collect(found, hops - 1)),
            _ => found.push(here),
        }
    }

    /// The names of the JSON types that it has, without `null`; none: any type.
    pub(crate) fn types(self) -> Option<Vec<&'s str>> {
        let types: Vec<_> = match self.at.get("type")? {
            Json::String(one) => vec![one.as_str()],
            Json::Array(several) => several.iter().filter_map(Json::as_str).collect(),
            _ => return None,
        };
        Some(types.into_iter().filter(|name| *name != "null").collect())
    }

    /// The texts that are allowed; none: any text.
    pub(crate) fn texts(self) -> Option<Vec<&'s str>> {
        if let Some(text) = self.at.get("const") {
            return Some(text.as_str().into_iter().collect());
        }
        Some(self.at.get("enum")?.as_array()?.iter().filter_map(Json::as_str).collect())
    }

    /// Returns true if it is one text with a meaning of its own, not a list of texts.
    pub(crate) fn is_single(self) -> bool {
        self.at.get("const").is_some()
    }

    /// The smallest and the largest number that is allowed.
    pub(crate) fn bounds(self) -> (Option<i128>, Option<i128>) {
        let bound =
            |name| self.at.get(name).and_then(|at| at.as_i64().map(i128::from).or_else(|| at.as_u64().map(i128::from)));
        (bound("minimum"), bound("maximum"))
    }

    /// The largest number that the type of a field without a `maximum` holds.
    pub(crate) fn most(self) -> Option<i128> {
        let most = match self.at.get("format")?.as_str()? {
            "uint32" => u32::MAX.into(),
            "int32" => i32::MAX.into(),
            "uint" | "uint64" => i64::MAX.into(), // TOML has no larger ones
            _ => return None,
        };
        self.bounds().1.is_none().then_some(most)
    }

    /// Returns the minimum number of items of a list.
    pub(crate) fn least_items(self) -> usize {
        self.at.get("minItems").and_then(Json::as_u64).and_then(|least| least.try_into().ok()).unwrap_or(0)
    }

    /// Returns true if its value must never be shown (`writeOnly`, set by [`crate::secret::SecretValue`]).
    pub(crate) fn is_secret(self) -> bool {
        self.keyword("writeOnly").and_then(Json::as_bool) == Some(true)
    }

    /// The schema of an item of a list.
    pub(crate) fn item(self, index: usize) -> Option<Self> {
        let prefix = || self.at.get("prefixItems")?.get(index);
        prefix().or_else(|| self.at.get("items")).map(|at| self.on(at))
    }

    /// Returns the fields of a table; none if it is no table, or one without a schema of its keys.
    ///
    /// A struct has its fields and no others, with or without `deny_unknown_fields`: a key that is not read is
    /// a mistake.
    pub(crate) fn table(self) -> Option<TableShape<'s>> {
        let tables: Vec<_> = self
            .alternatives()
            .into_iter()
            .filter(|shape| shape.types().is_some_and(|t| t.contains(&"object")))
            .collect();
        let mut all = TableShape { fields: Vec::new(), required: Vec::new(), others: None };
        for shape in &tables {
            let properties = shape.at.get("properties").and_then(Json::as_object);
            all.fields.extend(properties.into_iter().flatten().map(|(name, at)| (name.as_str(), self.on(at))));
            match shape.at.get("additionalProperties") {
                Some(Json::Bool(false)) => {}
                Some(Json::Bool(true)) => return None,
                Some(others) => all.others = Some(self.on(others)),
                None if properties.is_none() => return None,
                None => {}
            }
        }
        // Of several kinds of table it is unknown which one was meant, so none of them can be said to lack a field.
        if let [only] = tables.as_slice() {
            let required = only.at.get("required").and_then(Json::as_array);
            all.required.extend(required.into_iter().flatten().filter_map(Json::as_str));
        }
        (!tables.is_empty()).then_some(all)
    }

    /// Returns the accepted values in words: `a text`, `a whole number, 1 or more`, ``one of `a`, `b` ``.
    pub(crate) fn words(self) -> String {
        if self.is_secret() {
            return "a text or `{ env = \"NAME\" }`".into();
        }
        let alternatives = self.alternatives();
        let texts: Vec<_> = alternatives.iter().filter_map(|shape| shape.texts()).flatten().collect();
        let mut words = Vec::new();
        if !texts.is_empty() {
            words.push(one_of(&texts));
        }
        for shape in alternatives.iter().filter(|shape| shape.texts().is_none()) {
            match shape.types() {
                None => return "any value".into(),
                Some(types) => words.extend(types.into_iter().map(|name| shape.words_of(name, false))),
            }
        }
        words.dedup();
        words.join(" or ")
    }

    fn words_of(self, json_type: &str, many: bool) -> String {
        let choose = |one: &str, several: &str| if many { several.to_owned() } else { one.to_owned() };
        match json_type {
            "string" => choose("a text", "texts"),
            "boolean" => "`true` or `false`".into(),
            "integer" => choose("a whole number", "whole numbers") + &self.range(),
            "number" => choose("a number", "numbers") + &self.range(),
            "array" => {
                choose("a list", "lists") + &self.item(0).map_or(String::new(), |item| format!(" of {}", item.plural()))
            }
            _ => choose("a table", "tables"),
        }
    }

    fn plural(self) -> String {
        match self.alternatives().as_slice() {
            [only] if only.texts().is_none() => match only.types().as_deref() {
                Some([name]) => only.words_of(name, true),
                _ => "values".into(),
            },
            _ => format!("values, each {}", self.words()),
        }
    }

    fn range(self) -> String {
        match self.bounds() {
            (Some(min), Some(max)) => format!(", {min} to {max}"),
            (Some(min), None) => format!(", {min} or more"),
            (None, Some(max)) => format!(", {max} or less"),
            (None, None) => String::new(),
        }
    }
}

/// ``one of `a`, `b` ``, or only `` `a` ``.
pub(crate) fn one_of(names: &[&str]) -> String {
    let list = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > 1 { format!("one of {list}") } else { list }
}
