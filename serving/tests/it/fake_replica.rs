//! A fake replica: deterministic text, and faults that a prompt asks for by name.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Code, Request, Response, Status};
use zhisuan_proto::v1;
use zhisuan_proto::v1::generate_event::Event;
use zhisuan_proto::v1::generate_request::Input;
use zhisuan_proto::v1::replicas_server::Replicas;
use zhisuan_proto::v1::{
    Delta, Done, EmbedRequest, EmbedResponse, Embedding, ErrorDetail, Failed, GenerateEvent,
    GenerateRequest, Handover, Resume, Started, TokenCount, TokenLogprob, TopLogprob,
};

pub(crate) const REPLICA_TOKEN: &str = "replica-token";
/// What the fake says to every prompt it has no other orders for; one piece per token.
pub(crate) const WORDS: [&str; 6] = ["你好", "，", "世界", "🙂", "!", "\n第二行"];
/// Begins an order for an answer word by word: "say <think>a</think> b".
pub(crate) const SAY: &str = "say ";
/// Begins an order to hand the answer over after so many words, again and again: "hand over 2".
pub(crate) const HAND_OVER: &str = "hand over ";
/// Prompt tokens that the fake counts for every prompt.
pub(crate) const PROMPT_TOKENS: u32 = 7;

#[derive(Clone, Default)]
pub(crate) struct FakeReplica {
    pub(crate) asked: Arc<Mutex<Vec<GenerateRequest>>>,
    /// Streams that were dropped before their end: the caller cancelled.
    pub(crate) cancelled: Arc<AtomicU32>,
}

/// Notices whether a stream was dropped before its end.
struct Watchdog(Arc<AtomicU32>, bool);

impl Drop for Watchdog {
    fn drop(&mut self) {
        if !self.1 {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

fn order(request: &GenerateRequest) -> String {
    match &request.input {
        Some(Input::Chat(chat)) => chat.messages.last().unwrap().content.clone(),
        Some(Input::Prompt(prompt)) => prompt.clone(),
        Some(Input::TokenIds(tokens)) => characters(&tokens.ids).unwrap(),
        None => String::new(),
    }
}

/// The fake's vocabulary: every character, by its number; the place of a number that is none.
fn characters(ids: &[u32]) -> Result<String, usize> {
    let character = |(at, id): (usize, &u32)| char::from_u32(*id).ok_or(at);
    ids.iter().enumerate().map(character).collect()
}

/// As the engine refuses a field.
fn invalid(field: &str) -> Status {
    let detail = ErrorDetail {
        code: "ZS-ENGINE-INVALID-REQUEST".to_owned(),
        field: field.to_owned(),
        ..ErrorDetail::default()
    };
    zhisuan_proto::status(Code::InvalidArgument, "engine refused", &detail)
}

fn check<T>(request: &Request<T>) -> Result<(), Status> {
    let shown = request
        .metadata()
        .get("authorization")
        .and_then(|v| v.to_str().ok());
    if shown == Some(&format!("Bearer {REPLICA_TOKEN}")) {
        Ok(())
    } else {
        Err(Status::unauthenticated("not this replica's token"))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "streams carry results")]
fn event(event: Event) -> Result<GenerateEvent, Status> {
    Ok(GenerateEvent { event: Some(event) })
}

fn delta(text: &str, logprobs: bool) -> Result<GenerateEvent, Status> {
    let logprob = logprobs.then(|| TokenLogprob {
        token: text.to_owned(),
        logprob: -0.5,
        top: vec![TopLogprob {
            token: "x".to_owned(),
            logprob: f32::NEG_INFINITY,
        }],
    });
    event(Event::Delta(Delta {
        text: text.to_owned(),
        logprob,
        ..Delta::default()
    }))
}

fn usage(completion_tokens: u32) -> TokenCount {
    TokenCount {
        prompt_tokens: PROMPT_TOKENS,
        completion_tokens,
        ..TokenCount::default()
    }
}

/// What the order "say ..." is answered with: characters, so that every split is met.
fn said(order: &str) -> Option<Vec<String>> {
    let text = order.strip_prefix(SAY)?;
    Some(text.chars().map(String::from).collect())
}

fn done(reason: &str, tokens: u32) -> Result<GenerateEvent, Status> {
    ended(reason, tokens, "")
}

fn ended(reason: &str, tokens: u32, stop: &str) -> Result<GenerateEvent, Status> {
    event(Event::Done(Done {
        finish_reason: reason.to_owned(),
        usage: Some(usage(tokens)),
        stop_sequence: stop.to_owned(),
    }))
}

fn failed(code: &str, usage: Option<TokenCount>) -> Result<GenerateEvent, Status> {
    event(Event::Failed(Failed {
        code: code.to_owned(),
        message: "细节".to_owned(),
        usage,
    }))
}

/// Words from `from` on; after `every` of them the answer is handed over.
fn relayed(from: usize, every: usize) -> impl Stream<Item = Result<GenerateEvent, Status>> {
    let to = WORDS.len().min(from + every);
    let mut events: Vec<_> = WORDS[from..to]
        .iter()
        .map(|word| delta(word, false))
        .collect();
    let told = to as u32;
    events.push(if to == WORDS.len() {
        done("stop", told)
    } else {
        event(Event::Handover(Handover {
            resume: Some(Resume {
                prompt: (0..PROMPT_TOKENS).collect(),
                answer: (0..told).collect(),
                // The fake's next piece is as long as this one.
                seed: every as u64,
                cached_tokens: 0,
                weights: "fake".to_owned(),
            }),
            usage: Some(usage(told)),
        }))
    });
    tokio_stream::iter(events)
}

/// The events that an order asks for.
fn script(
    order: String,
    most: u32,
    logprobs: bool,
    cancelled: Arc<AtomicU32>,
) -> impl Stream<Item = Result<GenerateEvent, Status>> {
    async_stream::stream! {
        let mut watchdog = Watchdog(cancelled, false);
        match order.as_str() {
            "too long" => {
                yield failed("context_exceeded", Some(TokenCount { prompt_tokens: 900, ..TokenCount::default() }));
            }
            "endless" => loop {
                yield delta("啊", logprobs);
                tokio::time::sleep(Duration::from_millis(20)).await;
            },
            // More than the buffers of any socket hold.
            "flood" => loop {
                yield delta(&"水".repeat(20_000), logprobs);
            },
            "silent" => tokio::time::sleep(Duration::from_mins(1)).await,
            "slow" => {
                yield delta(WORDS[0], logprobs);
                // Longer than the gateway's ten seconds between signs of life.
                tokio::time::sleep(Duration::from_millis(10_500)).await;
                yield done("stop", 1);
            }
            "die" => {
                yield delta(WORDS[0], logprobs);
                yield delta(WORDS[1], logprobs);
                yield Err(Status::unavailable("fake replica died"));
            }
            "vanish" => {
                yield delta(WORDS[0], logprobs);
                yield delta(WORDS[1], logprobs);
            }
            "fault" => {
                yield delta(WORDS[0], logprobs);
                yield failed("ZS-ENGINE-NUMERIC-FAULT", Some(usage(1)));
            }
            // Found "，" among the stop strings.
            "stop" => {
                yield delta(WORDS[0], logprobs);
                yield ended("stop", 2, WORDS[1]);
            }
            "evicted" => {
                yield delta(WORDS[0], logprobs);
                yield done("cancelled", 1);
            }
            order => {
                let words = said(order);
                let words = words.unwrap_or_else(|| WORDS.map(str::to_owned).to_vec());
                let count = most.min(words.len() as u32);
                for word in &words[..count as usize] {
                    yield delta(word, logprobs);
                }
                yield done(if most < words.len() as u32 { "length" } else { "stop" }, count);
            }
        }
        watchdog.1 = true;
    }
}

#[tonic::async_trait]
impl Replicas for FakeReplica {
    type GenerateStream = Pin<Box<dyn Stream<Item = Result<GenerateEvent, Status>> + Send>>;

    async fn generate(
        &self,
        request: Request<GenerateRequest>,
    ) -> Result<Response<Self::GenerateStream>, Status> {
        check(&request)?;
        let request = request.into_inner();
        self.asked.lock().unwrap().push(request.clone());
        let order = order(&request);
        if order == "full" {
            return Err(Status::resource_exhausted("queue is full"));
        }
        if order == "refused" {
            let detail = ErrorDetail {
                code: "ZS-ENGINE-TEMPLATE-FAILED".to_owned(),
                ..ErrorDetail::default()
            };
            return Err(zhisuan_proto::status(
                Code::InvalidArgument,
                "engine refused",
                &detail,
            ));
        }
        let accepted = event(Event::Started(Started {
            prompt_tokens: PROMPT_TOKENS,
        }));
        let relay = match &request.resume {
            Some(resume) => Some((resume.answer.len(), resume.seed as usize)),
            None => order
                .strip_prefix(HAND_OVER)
                .map(|every| (0, every.parse().unwrap())),
        };
        if let Some((from, every)) = relay {
            let stream = tokio_stream::once(accepted).chain(relayed(from, every));
            return Ok(Response::new(Box::pin(stream)));
        }
        let logprobs = request.top_logprobs.is_some();
        let most = request.max_tokens;
        let cancelled = Arc::clone(&self.cancelled);
        let stream = script(order, most, logprobs, cancelled);
        let stream = tokio_stream::once(accepted).chain(stream);
        Ok(Response::new(Box::pin(stream)))
    }

    async fn embed(
        &self,
        request: Request<EmbedRequest>,
    ) -> Result<Response<EmbedResponse>, Status> {
        check(&request)?;
        let request = request.into_inner();
        if request.dimensions > 3 {
            return Err(invalid("dimensions"));
        }
        let lists = request.token_ids.iter();
        let lists = lists.map(|list| characters(&list.ids).unwrap());
        let texts: Vec<String> = request.texts.into_iter().chain(lists).collect();
        let width = match request.dimensions {
            0 => 3,
            asked => asked as usize,
        };
        let embeddings = texts
            .iter()
            .map(|text| Embedding {
                values: [text.len() as f32, 0.5, -0.25][..width].to_vec(),
            })
            .collect();
        Ok(Response::new(EmbedResponse {
            embeddings,
            prompt_tokens: 3 * texts.len() as u32,
        }))
    }

    async fn score(
        &self,
        request: Request<v1::ScoreRequest>,
    ) -> Result<Response<v1::ScoreResponse>, Status> {
        check(&request)?;
        let documents = request.into_inner().documents;
        // The longer a document, the better.
        let scores = documents.iter().map(|text| text.len() as f32 / 64.0);
        Ok(Response::new(v1::ScoreResponse {
            scores: scores.collect(),
            prompt_tokens: 5 * documents.len() as u32,
        }))
    }

    async fn tokenize(
        &self,
        request: Request<v1::TokenizeRequest>,
    ) -> Result<Response<v1::TokenizeResponse>, Status> {
        check(&request)?;
        let tokens = match request.into_inner().input {
            Some(v1::tokenize_request::Input::Text(text)) => text.chars().map(u32::from).collect(),
            Some(v1::tokenize_request::Input::Chat(chat)) => {
                (0..10 * chat.messages.len() as u32).collect()
            }
            None => return Err(Status::invalid_argument("no input")),
        };
        Ok(Response::new(v1::TokenizeResponse { tokens }))
    }

    async fn detokenize(
        &self,
        request: Request<v1::DetokenizeRequest>,
    ) -> Result<Response<v1::DetokenizeResponse>, Status> {
        check(&request)?;
        let lists = request.into_inner().token_ids;
        let text = |(list, tokens): (usize, &v1::TokenIds)| {
            let place = |at| invalid(&format!("token_ids[{list}][{at}]"));
            characters(&tokens.ids).map_err(place)
        };
        let texts = lists.iter().enumerate().map(text);
        Ok(Response::new(v1::DetokenizeResponse {
            texts: texts.collect::<Result<_, _>>()?,
        }))
    }
}
