//! The knowledge console's door: the scheduler says who stands behind a key.

use crate::client::Client;
use zhisuan_apps::staff::{Door, Entering, Person};
use zhisuan_proto::v1::WhoAmIRequest;

/// Asks a scheduler.
pub(crate) struct SchedulerDoor {
    url: String,
    ca: Option<String>,
}

impl SchedulerDoor {
    /// A door that asks the scheduler at an address; `ca` is a PEM file with its issuer.
    pub(crate) fn new(url: &str, ca: Option<&str>) -> Self {
        Self {
            url: url.to_owned(),
            ca: ca.map(str::to_owned),
        }
    }

    async fn person(&self, secret: &str) -> Option<Person> {
        let client = Client::at(&self.url, secret, self.ca.as_deref()).ok()?;
        let key = client
            .access()
            .who_am_i(WhoAmIRequest {})
            .await
            .ok()?
            .into_inner();
        let name = if key.name.is_empty() {
            &key.id
        } else {
            &key.name
        };
        let may = match key.role.as_str() {
            "clerk" | "operator" => true,
            // Sees everything, changes nothing.
            "auditor" => false,
            _ => return None,
        };
        Some(Person {
            maker: may,
            checker: may,
            ..Person::both(&key.id, name)
        })
    }
}

impl Door for SchedulerDoor {
    fn enter<'a>(&'a self, secret: &'a str) -> Entering<'a> {
        Box::pin(self.person(secret))
    }
}
