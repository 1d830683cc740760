//! Pages of a list: `limit`, `after`, `order`. Pure.

use super::ApiError;
use super::fields::unknown;
use super::validate::{integer, invalid_value};
use axum::extract::Query as UrlQuery;
use axum::extract::rejection::QueryRejection;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the query of a URL asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Raw(BTreeMap<String, String>);

/// A checked query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    limit: usize,
    after: Option<String>,
    oldest_first: bool,
    pub(crate) purpose: Option<String>,
}

impl Query {
    /// Checks a query. Lists of `longest` entries at most have `default` when nothing is asked.
    pub(crate) fn of(
        raw: Result<UrlQuery<Raw>, QueryRejection>,
        (default, longest): (u32, u32),
    ) -> Result<Self, ApiError> {
        let bad = || invalid_value("query", "?", "name=value pairs", "“名称=值”的形式");
        let UrlQuery(Raw(pairs)) = raw.map_err(|_| bad())?;
        let mut query = Self {
            limit: default as usize,
            after: None,
            oldest_first: false,
            purpose: None,
        };
        for (name, value) in pairs {
            match name.as_str() {
                "limit" => {
                    let number = value
                        .parse::<i64>()
                        .map_err(|_| invalid_value("limit", &value, "an integer", "整数"))?;
                    let limit = integer("limit", Some(number), (1, longest))?;
                    query.limit = limit.unwrap_or(default) as usize;
                }
                "after" => query.after = Some(value),
                "order" => {
                    query.oldest_first = match value.as_str() {
                        "asc" => true,
                        "desc" => false,
                        other => {
                            return Err(invalid_value(
                                "order",
                                other,
                                "'asc' or 'desc'",
                                " asc 或 desc",
                            ));
                        }
                    }
                }
                "purpose" => query.purpose = Some(value),
                other => return Err(unknown(other)),
            }
        }
        Ok(query)
    }
}

/// The page of `cards`, which come newest first, that a query asks for.
pub(crate) fn page(mut cards: Vec<Value>, query: &Query) -> Result<Value, ApiError> {
    if query.oldest_first {
        cards.reverse();
    }
    let begin = match &query.after {
        None => 0,
        Some(after) => {
            let at = cards.iter().position(|card| card["id"] == json!(after));
            1 + at.ok_or_else(|| {
                invalid_value(
                    "after",
                    after,
                    "the id of an entry of the list",
                    "列表中某项的编号",
                )
            })?
        }
    };
    let mut cards = cards.split_off(begin);
    let has_more = cards.len() > query.limit;
    cards.truncate(query.limit);
    let id = |card: Option<&Value>| card.map_or(Value::Null, |card| card["id"].clone());
    Ok(json!({
        "object": "list",
        "first_id": id(cards.first()),
        "last_id": id(cards.last()),
        "has_more": has_more,
        "data": cards,
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::{Query, page};
    use serde_json::{Value, json};

    #[test]
    fn pages_follow_one_another_without_gaps() {
        let cards: Vec<Value> = (0..5).map(|n| json!({"id": format!("b{n}")})).collect();
        let mut query = Query {
            limit: 2,
            after: None,
            oldest_first: false,
            purpose: None,
        };
        let mut seen = Vec::new();
        loop {
            let answer = page(cards.clone(), &query).unwrap();
            seen.extend(
                answer["data"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|card| card["id"].clone()),
            );
            query.after = answer["last_id"].as_str().map(str::to_owned);
            if answer["has_more"] == json!(false) {
                break;
            }
        }
        assert_eq!(json!(seen), json!(["b0", "b1", "b2", "b3", "b4"]));
        query.oldest_first = true;
        query.after = None;
        assert_eq!(page(cards.clone(), &query).unwrap()["first_id"], "b4");
        query.after = Some("b9".to_owned());
        assert_eq!(
            page(cards, &query).unwrap_err().param.as_deref(),
            Some("after")
        );
        assert_eq!(
            page(
                Vec::new(),
                &Query {
                    after: None,
                    ..query
                }
            )
            .unwrap()["last_id"],
            Value::Null
        );
    }
}
