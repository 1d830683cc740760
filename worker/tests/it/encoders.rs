//! A replica of an encoder: several files in one folder, vectors and scores, no chat.

use crate::minilm::FILES;
use crate::support::scheduler::Scheduler;
use crate::support::tasks::{Story, stop, task};
use crate::support::{Place, cached_model, digest, start_plain};
use crate::work::{TOKEN, request, until_ready, with_model};
use tonic::Code;
use tonic::transport::Channel;
use zhisuan_proto::v1::job_spec::Work;
use zhisuan_proto::v1::model_source::Source;
use zhisuan_proto::v1::replicas_client::ReplicasClient;
use zhisuan_proto::v1::scheduler_message::Message as Order;
use zhisuan_proto::v1::{
    DetokenizeRequest, EmbedRequest, GenerateRequest, ModelFile, ModelKind, ModelManifest,
    ModelSource, ScoreRequest, ServeWork, TokenIds, TokenizeRequest, generate_request,
    tokenize_request,
};

/// How the model pools, as sentence-transformers write it; it lies in a folder of its own.
const POOLING: &str = r#"{"pooling_mode_mean_tokens": true}"#;

/// The manifest of the model, or `None` after a loud skip.
fn minilm(place: &Place) -> Option<ModelManifest> {
    let pooling = place.path("pooling.json");
    std::fs::write(&pooling, POOLING).unwrap();
    let pooling = ModelFile {
        path: "1_Pooling/config.json".into(),
        sha256: digest(POOLING.as_bytes()),
        bytes: POOLING.len() as u64,
        sources: vec![ModelSource {
            source: Some(Source::LocalPath(pooling.display().to_string())),
        }],
    };
    let file = |(name, sha256): (&str, &str)| {
        let path = cached_model(sha256)?;
        Some(ModelFile {
            path: name.into(),
            sha256: sha256.into(),
            bytes: path.metadata().unwrap().len(),
            sources: vec![ModelSource {
                source: Some(Source::LocalPath(path.display().to_string())),
            }],
        })
    };
    Some(ModelManifest {
        name: "minilm".into(),
        version: 1,
        kind: ModelKind::Base as i32,
        architecture: "bert".into(),
        files: FILES
            .into_iter()
            .map(file)
            .chain([Some(pooling)])
            .collect::<Option<_>>()?,
        ..ModelManifest::default()
    })
}

/// What `Tokenize` tells is what a text's vector is made of; shorter vectors have length 1.
async fn tokens_and_shorter_vectors(
    client: &mut ReplicasClient<Channel>,
    text: &str,
    vector: &[f32],
) {
    let ask = TokenizeRequest {
        model: "minilm".into(),
        input: Some(tokenize_request::Input::Text(text.into())),
    };
    let tokenized = client.tokenize(request(ask, TOKEN)).await.unwrap();
    let ids = TokenIds {
        ids: tokenized.into_inner().tokens,
    };
    let ask = DetokenizeRequest {
        model: "minilm".into(),
        token_ids: vec![ids.clone()],
    };
    let told = client.detokenize(request(ask, TOKEN)).await.unwrap();
    assert_eq!(told.into_inner().texts, ["a cat sleeps."]);
    let ask = |token_ids, dimensions| EmbedRequest {
        model: "minilm".into(),
        token_ids,
        dimensions,
        ..EmbedRequest::default()
    };
    let again = client
        .embed(request(ask(vec![ids.clone()], 64), TOKEN))
        .await;
    let short = again.unwrap().into_inner().embeddings.remove(0).values;
    let length = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
    let scale = length(&vector[..64]);
    assert!((length(&short) - 1.0).abs() < 1e-5 && short.len() == 64);
    let pairs = short.iter().zip(vector);
    assert!(pairs.clone().all(|(a, b)| (a - b / scale).abs() < 1e-5));
    let refused = |status: tonic::Status| zhisuan_proto::detail_of(&status).unwrap().field;
    let wide = client.embed(request(ask(vec![ids], 385), TOKEN)).await;
    assert_eq!(refused(wide.unwrap_err()), "dimensions");
    let ask = DetokenizeRequest {
        model: "minilm".into(),
        token_ids: vec![
            TokenIds::default(),
            TokenIds {
                ids: vec![7, 1 << 30],
            },
        ],
    };
    let unknown = client.detokenize(request(ask, TOKEN)).await;
    assert_eq!(refused(unknown.unwrap_err()), "token_ids[1][1]");
}

#[tokio::test]
async fn an_encoder_makes_vectors_and_scores_and_refuses_chat() {
    let (place, mut scheduler) = (Place::new(), Scheduler::start().await);
    let Some(model) = minilm(&place) else { return };
    let (worker, mut session) = start_plain(&mut scheduler, &place).await;
    let work = ServeWork {
        deployment: "vectors".into(),
        model: "minilm".into(),
        ..ServeWork::default()
    };
    session.order(Order::Assign(with_model(1, Work::Serve(work), &model)));
    let mut story = Story::default();
    let ready = until_ready(&mut session, &mut story).await;
    assert_eq!(ready.abilities, ["embeddings", "rerank"]);
    let address = format!("http://{}", worker.replica_address());
    let mut client = ReplicasClient::connect(address).await.unwrap();

    let texts = ["A cat sleeps.", "The stock market fell.", "A kitten naps."];
    let ask = EmbedRequest {
        model: "minilm".into(),
        texts: texts.map(str::to_owned).into(),
        ..EmbedRequest::default()
    };
    let found = client
        .embed(request(ask, TOKEN))
        .await
        .unwrap()
        .into_inner();
    let vectors: Vec<Vec<f32>> = found.embeddings.into_iter().map(|one| one.values).collect();
    assert!(found.prompt_tokens > 10 && vectors.iter().all(|one| one.len() == 384));
    let likeness = |a: usize, b: usize| -> f32 {
        vectors[a].iter().zip(&vectors[b]).map(|(x, y)| x * y).sum()
    };
    assert!(likeness(0, 2) > likeness(0, 1) + 0.2);

    tokens_and_shorter_vectors(&mut client, texts[0], &vectors[0]).await;

    let ask = ScoreRequest {
        model: "minilm".into(),
        query: "Where do cats sleep?".into(),
        documents: texts.map(str::to_owned).into(),
        ..ScoreRequest::default()
    };
    let scores = client
        .score(request(ask, TOKEN))
        .await
        .unwrap()
        .into_inner();
    assert!(scores.scores[0] > scores.scores[1]);

    let chat = GenerateRequest {
        model: "minilm".into(),
        input: Some(generate_request::Input::Prompt("Hello".into())),
        max_tokens: 4,
        ..GenerateRequest::default()
    };
    let refused = client.generate(request(chat, TOKEN)).await.unwrap_err();
    let detail = zhisuan_proto::detail_of(&refused).unwrap();
    assert_eq!(
        (refused.code(), detail.field.as_str()),
        (Code::InvalidArgument, "model")
    );
    session.order(stop(task(1, 1), 10_000));
    assert_eq!(story.until_end(&mut session).await.ended.outcome, "stopped");
}
