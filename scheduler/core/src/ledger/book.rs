//! The price book: versions with effective dates, append only.

use crate::{Millis, Refusal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a price is per.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// One core for an hour.
    CoreHour,
    /// One whole device for an hour.
    DeviceHour,
    /// A million tokens.
    MillionTokens,
}

impl Unit {
    /// The name used on the wire and in statements.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CoreHour => "core-hour",
            Self::DeviceHour => "device-hour",
            Self::MillionTokens => "million-tokens",
        }
    }
}

/// Price of one SKU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// What it is per.
    pub unit: Unit,
    /// Micro-yuan per unit.
    pub price_micro: i64,
}

/// A set of prices and when it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceVersion {
    /// 1 for the first.
    pub version: u64,
    /// In force from here until a later version begins.
    pub effective_from: Millis,
    /// By SKU: `cpu`, `device:<kind>`, `tokens-in:<model>`, `tokens-out:<model>`; `*` is any.
    pub prices: BTreeMap<String, Price>,
}

/// Every price version there ever was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceBook {
    versions: Vec<PriceVersion>,
}

const MAX_PRICE_MICRO: i64 = 1_000_000_000_000;

impl PriceBook {
    /// All versions, oldest first.
    #[must_use]
    pub fn versions(&self) -> &[PriceVersion] {
        &self.versions
    }

    /// The version in force at `at`: the newest of those that have begun.
    #[must_use]
    pub fn in_force(&self, at: Millis) -> Option<&PriceVersion> {
        self.versions
            .iter()
            .rev()
            .find(|version| version.effective_from <= at)
    }

    /// A version by number.
    #[must_use]
    pub fn version(&self, number: u64) -> Option<&PriceVersion> {
        self.versions
            .iter()
            .find(|version| version.version == number)
    }

    /// Checks and appends a version that begins at `from`: not before `now`, so that no price
    /// changes after the fact. Only the first version may reach back.
    pub(crate) fn publish(
        &mut self,
        from: Millis,
        prices: BTreeMap<String, Price>,
        now: Millis,
    ) -> Result<u64, Refusal> {
        if from < now && !self.versions.is_empty() {
            let accepted = format!("{} (now) or later", now.0);
            return Err(Refusal::invalid("effective_from_ms", from.0, accepted));
        }
        if prices.is_empty() {
            return Err(Refusal::invalid("prices", "empty", "at least one price"));
        }
        for (sku, price) in &prices {
            let Some(unit) = unit_of(sku) else {
                let accepted = "cpu, device:<kind>, tokens-in:<model>, tokens-out:<model>";
                return Err(Refusal::invalid("prices.sku", sku, accepted));
            };
            if price.unit != unit {
                let field = format!("prices[{sku}].unit");
                return Err(Refusal::invalid(field, price.unit.name(), unit.name()));
            }
            if !(0..=MAX_PRICE_MICRO).contains(&price.price_micro) {
                let field = format!("prices[{sku}].price_micro");
                let accepted = format!("0 to {MAX_PRICE_MICRO}");
                return Err(Refusal::invalid(field, price.price_micro, accepted));
            }
        }
        let version = self.versions.len() as u64 + 1;
        self.versions.push(PriceVersion {
            version,
            effective_from: from,
            prices,
        });
        Ok(version)
    }
}

impl PriceVersion {
    /// The price of `sku`, or of its family (`device:*`), or a refusal: nothing is free by accident.
    pub fn price(&self, sku: &str) -> Result<Price, Refusal> {
        let family = sku.split_once(':').map(|(family, _)| format!("{family}:*"));
        self.prices
            .get(sku)
            .or_else(|| family.and_then(|family| self.prices.get(&family)))
            .copied()
            .ok_or_else(|| Refusal::NoPrice(sku.to_owned()))
    }

    /// The dearest device, for a hold that must cover any kind.
    pub(crate) fn dearest_device(&self) -> Result<Price, Refusal> {
        self.prices
            .iter()
            .filter(|(sku, _)| sku.starts_with("device:"))
            .map(|(_, price)| *price)
            .max_by_key(|price| price.price_micro)
            .ok_or_else(|| Refusal::NoPrice("device:*".to_owned()))
    }
}

fn unit_of(sku: &str) -> Option<Unit> {
    match sku.split_once(':') {
        None if sku == "cpu" => Some(Unit::CoreHour),
        Some(("device", kind)) if !kind.is_empty() => Some(Unit::DeviceHour),
        Some(("tokens-in" | "tokens-out", model)) if !model.is_empty() => Some(Unit::MillionTokens),
        _ => None,
    }
}
