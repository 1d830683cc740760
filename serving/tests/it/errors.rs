//! Every refusal: status, exact body, headers, language, and nothing charged.

use crate::world::{KEY, chat, request_id, streamed, world};
use reqwest::{Method, Response};
use serde_json::{Value, json};

/// Status, then `type`, `code`, `param` and the message.
async fn error_of(response: Response) -> (u16, String, String, Value, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    let error = body["error"].as_object().unwrap();
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    let mut names: Vec<_> = error.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["code", "message", "param", "type"]);
    let text = |name: &str| error[name].as_str().unwrap().to_owned();
    (
        status,
        text("type"),
        text("code"),
        error["param"].clone(),
        text("message"),
    )
}

#[tokio::test]
async fn a_missing_field_has_this_exact_body() {
    let world = world().await;
    let response = world.chat(&json!({"model": "tiny"})).await;
    assert_eq!(response.status(), 400);
    assert_eq!(
        response.text().await.unwrap(),
        r#"{"error":{"message":"Missing required parameter: 'messages'.","type":"invalid_request_error","param":"messages","code":"missing_required_parameter"}}"#
    );
}

#[tokio::test]
async fn keys_are_refused_each_with_its_own_reason() {
    let world = world().await;
    let mut expired = world.scheduler.key("zs-expired", "hospital", "tenant");
    expired.expires_at_ms = 1;
    let mut revoked = world.scheduler.key("zs-revoked", "hospital", "tenant");
    revoked.revoked_at_ms = 1;
    {
        let mut keys = world.scheduler.keys.lock().unwrap();
        keys.insert("zs-expired".to_owned(), expired);
        keys.insert("zs-revoked".to_owned(), revoked);
    }
    let cases = [
        ("", 401, "invalid_api_key", "didn't provide"),
        ("sk-other", 401, "invalid_api_key", "Incorrect"),
        ("zs-unknown", 401, "invalid_api_key", "Incorrect"),
        ("zs-expired", 401, "invalid_api_key", "expired"),
        ("zs-revoked", 401, "invalid_api_key", "revoked"),
        ("zs-worker", 403, "insufficient_permissions", "role"),
    ];
    for (key, status, code, word) in cases {
        let response = world.get("/v1/models", key).await;
        let has_challenge = response.headers().contains_key("www-authenticate");
        assert_eq!(has_challenge, status == 401);
        let error = error_of(response).await;
        assert_eq!((error.0, error.2.as_str()), (status, code), "{key}");
        assert!(error.4.contains(word), "{key}: {}", error.4);
    }
}

#[tokio::test]
async fn an_operator_without_a_tenant_may_look_but_has_nobody_who_pays() {
    let world = world().await;
    assert_eq!(world.get("/v1/models", "zs-operator").await.status(), 200);
    let request = world
        .http
        .post(format!("{}/v1/chat/completions", world.base));
    let request = request.bearer_auth("zs-operator").json(&chat("hello"));
    let error = error_of(request.send().await.unwrap()).await;
    assert_eq!(
        (error.0, error.2.as_str()),
        (403, "insufficient_permissions")
    );
}

#[tokio::test]
async fn answers_of_the_scheduler_are_remembered_for_a_while() {
    let world = world().await;
    for _ in 0..5 {
        world.get("/v1/models", KEY).await;
        world.get("/v1/models", "zs-nobody").await;
    }
    let asked = world
        .scheduler
        .resolved
        .load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(asked, 2, "one known and one unknown key");
}

#[tokio::test]
async fn models_that_are_absent_hidden_or_not_ready() {
    let world = world().await;
    let ask = async |model: &str, key: &str| {
        let mut body = chat("hello");
        body["model"] = json!(model);
        let request = world
            .http
            .post(format!("{}/v1/chat/completions", world.base));
        request.bearer_auth(key).json(&body).send().await.unwrap()
    };
    let absent = error_of(ask("gpt-9", KEY).await).await;
    assert_eq!(
        (absent.0, absent.2.as_str(), absent.3),
        (404, "model_not_found", json!("model"))
    );
    let hidden = error_of(ask("private", "zs-school").await).await;
    assert_eq!((hidden.0, hidden.2.as_str()), (404, "model_not_found"));
    assert_eq!(ask("private", KEY).await.status(), 200);
    let starting = ask("starting", KEY).await;
    assert_eq!(starting.headers()["retry-after"], "5");
    let starting = error_of(starting).await;
    assert_eq!((starting.0, starting.2.as_str()), (503, "model_not_ready"));
}

#[tokio::test]
async fn an_empty_account_is_told_so_and_libraries_do_not_retry() {
    let world = world().await;
    let request = || {
        let request = world
            .http
            .post(format!("{}/v1/chat/completions", world.base));
        request.bearer_auth("zs-poor").json(&chat("hello"))
    };
    let response = request().send().await.unwrap();
    assert_eq!(response.headers()["x-should-retry"], "false");
    let id = request_id(&response);
    let error = error_of(response).await;
    assert_eq!(
        (error.0, error.1.as_str(), error.2.as_str()),
        (429, "insufficient_quota", "insufficient_quota")
    );
    let response = request().header("accept-language", "zh-CN,zh;q=0.9,en;q=0.8");
    let error = error_of(response.send().await.unwrap()).await;
    assert_eq!(error.4, "余额不足：需要 12 元，可用 3 元。");
    assert!(world.replica.asked.lock().unwrap().is_empty());
    assert!(
        world.settlements(&id).is_empty(),
        "no hold, nothing to settle"
    );
}

#[tokio::test]
async fn a_prompt_beyond_the_context_names_both_numbers_before_the_stream() {
    let world = world().await;
    for body in [chat("too long"), streamed("too long")] {
        let response = world.chat(&body).await;
        let id = request_id(&response);
        let error = error_of(response).await;
        assert_eq!(
            (error.0, error.2.as_str()),
            (400, "context_length_exceeded")
        );
        assert!(
            error.4.contains("512") && error.4.contains("900"),
            "{}",
            error.4
        );
        let settled = world.settlement(&id).await;
        assert_eq!((settled.prompt_tokens, settled.completion_tokens), (0, 0));
    }
    let body = json!({"model": "tiny", "prompt": "too long"});
    let response = world
        .post("/v1/completions")
        .json(&body)
        .send()
        .await
        .unwrap();
    let error = error_of(response).await;
    assert_eq!(
        (error.2.as_str(), error.3),
        ("context_length_exceeded", json!("prompt"))
    );
    let mut body = chat("hello");
    body["max_tokens"] = json!(512);
    let error = error_of(world.chat(&body).await).await;
    assert_eq!((error.0, error.3), (400, json!("max_tokens")));
}

#[tokio::test]
async fn a_failure_instead_of_a_whole_answer_costs_nothing() {
    let world = world().await;
    for (order, status, code) in [
        ("refused", 400, "invalid_value"),
        ("die", 502, "replica_unavailable"),
        ("vanish", 502, "replica_unavailable"),
        ("fault", 500, "replica_error"),
        ("evicted", 503, "generation_cancelled"),
    ] {
        let response = world.chat(&chat(order)).await;
        let id = request_id(&response);
        let error = error_of(response).await;
        assert_eq!((error.0, error.2.as_str()), (status, code), "{order}");
        let settled = world.settlement(&id).await;
        assert_eq!(
            (settled.prompt_tokens, settled.completion_tokens),
            (0, 0),
            "{order}"
        );
    }
}

#[tokio::test]
async fn bodies_that_are_not_requests() {
    let world = world().await;
    let send = async |bytes: Vec<u8>| {
        let request = world.post("/v1/chat/completions").body(bytes);
        error_of(request.send().await.unwrap()).await
    };
    let cases: [(&[u8], &str); 5] = [
        (b"", "parse"),
        (b"{\"model\": ", "parse"),
        (b"[1]", "JSON object"),
        (b"{\"model\": \"\xff\"}", "byte 11"),
        (b"{\"a\": 1e999}", "parse"),
    ];
    for (bytes, word) in cases {
        let error = send(bytes.to_vec()).await;
        assert_eq!((error.0, error.2.as_str()), (400, "invalid_json"));
        assert!(error.4.contains(word), "{}", error.4);
    }
    let deep = [b"[".repeat(200_000), b"]".repeat(200_000)].concat();
    assert_eq!(send(deep).await.0, 400);
    let huge = send(vec![b' '; 5 * 1024 * 1024]).await;
    assert_eq!((huge.0, huge.2.as_str()), (413, "request_too_large"));
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist() {
    let world = world().await;
    for path in ["/v1/nothing", "/v1", "/v1/", "/elsewhere"] {
        let error = error_of(world.get(path, KEY).await).await;
        assert_eq!((error.0, error.2.as_str()), (404, "unknown_url"), "{path}");
    }
    for language in ["en", "zh"] {
        let request = world
            .http
            .request(Method::DELETE, format!("{}/v1/models", world.base))
            .header("accept-language", language);
        let response = request.send().await.unwrap();
        assert!(
            response.headers()["allow"]
                .to_str()
                .unwrap()
                .contains("GET")
        );
        let error = error_of(response).await;
        assert_eq!((error.0, error.2.as_str()), (405, "method_not_allowed"));
        assert_eq!(error.4.is_ascii(), language == "en");
    }
}
