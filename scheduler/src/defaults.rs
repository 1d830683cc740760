//! What a new installation begins with: prices to be replaced by the operator's, and the centre's
//! own tenant, which pays for shared replicas.

use crate::access::CENTRE;
use crate::actor::{Core, Failure};
use std::collections::BTreeMap;
use zhisuan_core::ledger::{Price, Unit};
use zhisuan_core::{AccountKind, Amounts, Event, Millis, Tenant};

const YUAN: i64 = 1_000_000;

/// Applies what is missing; does nothing on an installation that has it.
pub(crate) async fn apply(core: &Core) -> Result<(), Failure> {
    let missing = core.ask(|state, _| {
        (
            state.ledger().book.versions().is_empty(),
            !state.tenants().contains_key(&CENTRE.into()),
        )
    });
    let (prices, centre) = missing.await?;
    if prices {
        let event = Event::PricesPublished {
            effective_from: Millis(0),
            prices: first_prices(),
        };
        core.apply(event).await?;
    }
    if centre {
        let tenant = Tenant {
            name: CENTRE.into(),
            account: AccountKind::Contract,
            credit_limit_micro: 1_000_000_000 * YUAN,
            weight: 100,
            used: Amounts::default(),
        };
        core.apply(Event::TenantAdded { tenant }).await?;
    }
    Ok(())
}

fn first_prices() -> BTreeMap<String, Price> {
    let price = |sku: &str, unit, price_micro| (sku.to_owned(), Price { unit, price_micro });
    [
        price("cpu", Unit::CoreHour, YUAN / 10),
        price("device:*", Unit::DeviceHour, 12 * YUAN),
        price("tokens-in:*", Unit::MillionTokens, YUAN),
        price("tokens-out:*", Unit::MillionTokens, 2 * YUAN),
    ]
    .into()
}
