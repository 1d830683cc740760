//! Which route a request takes: one of the served name's by weight, the same for a whole
//! conversation, and awake.

use super::demand::RouteName;
use crate::admit::Admitted;
use crate::app::App;
use crate::metrics::Counted;
use crate::openai::ApiError;
use crate::routes::Table;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Instant;
use zhisuan_proto::draw;
use zhisuan_proto::v1::Route;
use zhisuan_proto::v1::generate_request::Input;

/// Bytes of a plain prompt by which requests of one conversation know each other.
const LEADING_BYTES: usize = 256;

impl App {
    /// The route of a request, with a replica or another server that answers. One whose replicas
    /// are on their way is waited for, as long as the queue's patience is.
    pub(crate) async fn route(
        &self,
        model: &str,
        admitted: &Admitted,
        input: Option<&Input>,
    ) -> Result<Route, ApiError> {
        let dice = admitted
            .session
            .unwrap_or_else(|| conversation(&admitted.caller.key_id, input));
        let tenant = &admitted.caller.tenant;
        let began = Instant::now();
        let mut changes = self.routes.changes();
        loop {
            let table = changes.borrow_and_update().clone();
            let route = chosen(&table, model, tenant, dice)?;
            if answers(&route) {
                admitted.trail.with(|record| {
                    record.route = RouteName::of(&route);
                    record.queued += began.elapsed();
                });
                return Ok(route);
            }
            if !route.wakes {
                return Err(ApiError::model_not_ready(model));
            }
            let _wanted = self.demand.waiting(RouteName::of(&route));
            let _waiting = Counted::new(self.metrics.waiting.with_label_values(&[model]));
            let left = self.patience.saturating_sub(began.elapsed());
            tokio::select! {
                () = self.hard_stop.cancelled() => return Err(ApiError::shutting_down()),
                () = tokio::time::sleep(left) => {
                    return Err(ApiError::still_asleep(model, self.patience.as_secs()));
                }
                changed = changes.changed() => if changed.is_err() {
                    return Err(ApiError::shutting_down());
                },
            }
        }
    }

    /// The routes to try for a request that was given `route`: it as it is now, then its siblings
    /// that are charged in the same way, so that a change of the traffic loses no request.
    pub(super) fn targets(&self, route: &Route, tenant: &str) -> Vec<Route> {
        let table = self.routes.table();
        let mut targets = vec![route.clone()];
        for other in table.choices(&route.model, tenant) {
            if RouteName::of(other) == RouteName::of(route) {
                targets[0] = other.clone();
            } else if other.metering == route.metering && answers(other) {
                targets.push(other.clone());
            }
        }
        targets
    }
}

fn chosen(table: &Table, model: &str, tenant: &str, dice: u64) -> Result<Route, ApiError> {
    if !table.known {
        return Err(ApiError::scheduler_away());
    }
    let choices = table.choices(model, tenant);
    let route = draw(&choices, dice).ok_or_else(|| ApiError::model_not_found(model))?;
    Ok(route.clone())
}

/// Whether somebody is there to answer now.
fn answers(route: &Route) -> bool {
    !route.replicas.is_empty() || route.external.is_some()
}

/// A number that stays the same while a conversation goes on: its key, and what it began with.
fn conversation(key_id: &str, input: Option<&Input>) -> u64 {
    let mut hasher = DefaultHasher::new();
    key_id.hash(&mut hasher);
    match input {
        None => {}
        Some(Input::Prompt(text)) => {
            let leading = &text.as_bytes()[..text.len().min(LEADING_BYTES)];
            leading.hash(&mut hasher);
        }
        Some(Input::TokenIds(tokens)) => {
            let leading = &tokens.ids[..tokens.ids.len().min(LEADING_BYTES / size_of::<u32>())];
            leading.hash(&mut hasher);
        }
        Some(Input::Chat(chat)) => {
            for message in &chat.messages {
                (&message.role, &message.content).hash(&mut hasher);
                if message.role == "user" {
                    break;
                }
            }
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::conversation;
    use zhisuan_proto::v1::generate_request::Input;
    use zhisuan_proto::v1::{Chat, ChatMessage};

    #[test]
    fn a_conversation_stays_where_it_began() {
        let chat = |contents: &[(&str, &str)]| {
            let messages = contents.iter().map(|(role, content)| ChatMessage {
                role: (*role).to_owned(),
                content: (*content).to_owned(),
                ..ChatMessage::default()
            });
            Input::Chat(Chat {
                messages: messages.collect(),
                ..Chat::default()
            })
        };
        let of = |key, input: &Input| conversation(key, Some(input));
        let first = chat(&[("system", "s"), ("user", "问题")]);
        let later = chat(&[
            ("system", "s"),
            ("user", "问题"),
            ("assistant", "答"),
            ("user", "再问"),
        ]);
        assert_eq!(of("k", &first), of("k", &later));
        assert_ne!(of("k", &first), of("other", &first));
        assert_ne!(
            of("k", &first),
            of("k", &chat(&[("system", "s"), ("user", "别的")]))
        );
    }
}
