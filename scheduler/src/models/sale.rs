//! What callers pay for by token must have a price before it is served.

use super::deployment::Deployment;
use super::deployments::Deployments;
use tonic::Status;

impl Deployments {
    /// Refuses names without a price, but those in `known`, which are served already. Where the
    /// owner pays for time, tokens need none.
    pub(super) async fn check_priced(
        &self,
        wanted: &Deployment,
        known: &[&str],
    ) -> Result<(), Status> {
        if wanted.dedicated {
            return Ok(());
        }
        for name in wanted.served().filter(|name| !known.contains(name)) {
            let (model, callers) = (name.to_owned(), wanted.callers.clone());
            let sale = self.0.port.check_sale(model, callers, true).await;
            sale.map_err(|refused| about(&refused, field_of(wanted, name), name))?;
        }
        Ok(())
    }
}

/// The field of a request that brought the name in.
fn field_of(wanted: &Deployment, name: &str) -> &'static str {
    if name == wanted.serve_as {
        "serve_as"
    } else if wanted.models.first().is_some_and(|base| base == name) || name == wanted.model {
        "model"
    } else {
        "adapters"
    }
}

/// The refusal with the field that it is about.
fn about(refused: &Status, field: &str, value: &str) -> Status {
    let mut detail = zhisuan_proto::detail_of(refused).unwrap_or_default();
    field.clone_into(&mut detail.field);
    value.clone_into(&mut detail.value);
    zhisuan_proto::status(refused.code(), refused.message(), &detail)
}
