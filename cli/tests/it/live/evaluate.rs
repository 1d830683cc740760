//! `zhisuan eval qa` with the real model for vectors, in one process.

use super::demo::cache_with;
use crate::run::User;
use std::fs;

/// multilingual-e5-small, as the catalogue names it by content.
const E5: &str = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f";
const KITE: &str = "---\n标题: 风筝放飞许可办事指南\n发布机构: 云麓市体育局\n文号: 云麓体发〔2024〕3号\n适用地区: 云麓市\n\
    状态: 现行\n生效日期: 2024-01-01\n---\n# 风筝放飞许可办事指南\n\n## 收费标准\n\n每只风筝收取3元。\n\n\
    ## 办理地点\n\n云麓市体育馆东门窗口。\n";
const CASES: &str = concat!(
    r#"{"id":"k1","question":"风筝放飞许可收费多少？","style":"plain","type":"number","base":"sample","documents":["kite"],"#,
    r#""evidence":["每只风筝收取3元。"],"facts":["3元"],"outcome":"answered"}"#,
    "\n",
    r#"{"id":"k2","question":"风筝线可以用鱼线吗？","style":"plain","type":"near_miss","base":"sample","outcome":"no_evidence"}"#,
    "\n",
);

#[test]
fn an_evaluation_says_which_model_gave_the_vectors() {
    let Some(cache) = cache_with(E5) else {
        return;
    };
    let user = User::new().var("ZHISUAN_CACHE", &cache.display().to_string());
    let texts = user.home().join("texts");
    fs::create_dir(&texts).unwrap();
    fs::write(texts.join("kite.md"), KITE).unwrap();
    fs::write(user.home().join("cases.jsonl"), CASES).unwrap();
    let args = |more: &[&'static str]| {
        let mut args = vec![
            "eval",
            "qa",
            "--knowledge",
            "texts",
            "--file",
            "cases.jsonl",
            "--json",
        ];
        args.extend_from_slice(more);
        args
    };
    let samples = [
        "--embedder",
        "multilingual-e5-small",
        "--samples",
        "seen.jsonl",
    ];
    let outcome = user.run(&args(&samples));
    assert_eq!(outcome.exit, 0, "{}", outcome.whole());
    let told: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(told["embedder"], "multilingual-e5-small");
    let total = &told["total"];
    assert_eq!(
        (&total["evidence"], &total["facts"]),
        (&1.into(), &1.into())
    );
    assert_eq!(total["refused"], 1, "{}", outcome.whole());
    let seen = fs::read_to_string(user.home().join("seen.jsonl")).unwrap();
    assert_eq!(seen.lines().count(), 2, "{seen}");
    let words = user.run(&args(&[]));
    let told: serde_json::Value = serde_json::from_str(&words.stdout).unwrap();
    assert!(told["embedder"].is_null(), "{}", words.whole());
    let unknown = user.run(&args(&["--embedder", "no-such-model"]));
    assert!(unknown.exit != 0 && unknown.stderr.contains("no-such-model"));
}
