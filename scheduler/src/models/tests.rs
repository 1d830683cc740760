//! The catalogue, the rules of registration, and what a deployment means.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use super::error::ModelError;
use super::model::{File, Kind, Lineage, Model, Source};
use super::plan::plan;
use super::registry::Registry;
use super::{Catalogue, Models};
use crate::access::testing::FakeRecords;
use crate::access::{Caller, Role};
use std::sync::Arc;
use zhisuan_proto::v1::{DeployRequest, Metering};

const QWEN: &str = "qwen2.5-coder-0.5b-instruct";
const SMOL: &str = "smollm2-135m-instruct";
const QWEN_SHA: &str = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32";

fn registry() -> Registry {
    let mut registry = Registry::default();
    Catalogue::load(None)
        .unwrap()
        .models()
        .for_each(|model| registry.insert(model));
    registry
}

fn adapter(name: &str, tenant: &str) -> Model {
    let sha256 = "a".repeat(64);
    Model {
        name: name.into(),
        kind: Kind::Adapter,
        architecture: "lora".into(),
        files: vec![File {
            path: "adapter.safetensors".into(),
            bytes: 1 << 20,
            sources: vec![Source::ArtifactSha256(sha256.clone())],
            sha256,
        }],
        base_model: QWEN.into(),
        base_sha256: QWEN_SHA.into(),
        tenant: tenant.into(),
        ..Model::default()
    }
}

fn ask(model: &str) -> DeployRequest {
    DeployRequest {
        model: model.into(),
        ..DeployRequest::default()
    }
}

fn caller(role: Role, tenant: &str) -> Caller {
    Caller {
        tenant: tenant.into(),
        role,
        key_id: "k".into(),
    }
}

#[test]
fn the_built_in_catalogue_is_whole() {
    let catalogue = Catalogue::load(None).unwrap();
    assert_eq!(catalogue.default_model(), Some(QWEN));
    let models: Vec<Model> = catalogue.models().collect();
    assert_eq!(models.len(), 4);
    assert_eq!(models[0].bytes(), 98_362_432);
    assert_eq!(models[1].languages, ["zh", "en"]);
    let Source::PythonPackage(parts) = &models[1].files[0].sources[0] else {
        panic!("{models:?}")
    };
    assert_eq!(parts.len(), 6);
    // What an encoder does stands in the catalogue; a decoder's follows from what it is.
    assert_eq!(models[2].abilities(), ["embeddings", "rerank"]);
    assert!(models[0].abilities().contains(&"chat".to_owned()));
}

#[test]
fn an_operators_file_adds_sources_and_refuses_unknown_keys() {
    let local = format!(
        "[[model]]\nname = '{QWEN}'\narchitecture = 'qwen2'\nlicence = 'Apache-2.0'\n\
         [[model.files]]\npath = 'qwen2.5-coder-0.5b-instruct-q4_k_m.gguf'\nsha256 = '{QWEN_SHA}'\n\
         bytes = 491400064\nsources = [{{ local_path = '/data/q.gguf' }}]\n"
    );
    let catalogue = Catalogue::load(Some(&local)).unwrap();
    let qwen = catalogue.models().find(|model| model.name == QWEN).unwrap();
    assert_eq!(
        qwen.files[0].sources[0],
        Source::LocalPath("/data/q.gguf".into())
    );
    assert_eq!(
        qwen.files[0].sources.len(),
        2,
        "the built-in source is tried next"
    );
    let cases = [
        (local.replace("licence", "license"), "model[0]", "license"),
        (
            local.replace("local_path", "localpath"),
            "model[0].files[0].sources[0]",
            "localpath",
        ),
        (
            local.replace(QWEN_SHA, &"0".repeat(64)),
            "model[0].files[0]",
            "SHA-256",
        ),
        (
            local.replace("bytes = ", "bytes = -"),
            "model[0].files[0].bytes",
            "-491400064",
        ),
        ("model = 3".to_owned(), "model", "sequence"),
    ];
    for (text, path, says) in cases {
        let error = Catalogue::load(Some(&text)).unwrap_err().to_string();
        assert!(error.contains(path) && error.contains(says), "{error}");
    }
    let short = local.replace(QWEN_SHA, "12");
    assert!(matches!(
        Catalogue::load(Some(&short)),
        Err(ModelError::Field { .. })
    ));
}

#[test]
fn registration_refuses_what_could_not_work() {
    let mut registry = registry();
    let good = registry.admit(adapter("my-lora", "acme")).unwrap();
    assert_eq!(good.version, 1);
    registry.insert(good.clone());
    assert_eq!(
        registry.admit(adapter("my-lora", "acme")).unwrap().version,
        2
    );
    let field = |change: &dyn Fn(&mut Model)| {
        let mut model = adapter("my-lora", "acme");
        change(&mut model);
        match registry.admit(model).unwrap_err() {
            ModelError::Field { field, .. } => field,
            other => other.to_string(),
        }
    };
    assert_eq!(field(&|m| m.name = "My Lora".into()), "model.name");
    assert_eq!(
        field(&|m| m.architecture = "llama".into()),
        "model.architecture"
    );
    assert_eq!(
        field(&|m| m.base_sha256 = "b".repeat(64)),
        "model.base_sha256"
    );
    assert_eq!(
        field(&|m| m.files[0].sha256 = "xyz".into()),
        "model.files[0].sha256"
    );
    for hostile in ["../x", "/etc/passwd", "a/../x", "a//b", "a\\b", ""] {
        assert_eq!(
            field(&|m| m.files[0].path = hostile.into()),
            "model.files[0].path"
        );
    }
    for (first, second) in [("a", "a/b"), ("a/b", "a"), ("a", "a")] {
        let both = field(&|m| {
            m.files.push(m.files[0].clone());
            m.files[0].path = first.into();
            m.files[1].path = second.into();
        });
        assert_eq!(both, "model.files[1].path", "{first} and {second}");
    }
    let mut nested = adapter("nested", "acme");
    nested.files[0].path = "1_Pooling/config.json".into();
    assert!(registry.admit(nested).is_ok());
    assert_eq!(
        field(&|m| m.files[0].sources.clear()),
        "model.files[0].sources"
    );
    assert_eq!(field(&|m| m.files.clear()), "model.files");
    assert_eq!(field(&|m| m.version = 9), "model.version");
    assert!(field(&|m| m.version = 1).contains("never changes"));
    assert!(field(&|m| m.tenant = "other".into()).contains("another owner"));
    assert!(field(&|m| m.name = SMOL.into()).contains("another owner"));
    let unknown = field(&|m| m.base_model = "qwen2.5-coder".into());
    assert!(
        unknown.contains(&format!("did you mean {QWEN}")),
        "{unknown}"
    );
}

#[tokio::test]
async fn an_output_name_that_would_be_refused_is_refused_before_the_job_runs() {
    let catalogue = Catalogue::load(None).unwrap();
    let models = Models::open(Arc::new(FakeRecords::default()), &catalogue).unwrap();
    let made = super::convert::to_proto(&adapter("my-lora", ""));
    models.register(made, "acme", 5).await.unwrap();
    models.check_output("my-lora", "acme").unwrap();
    models.check_output("new-lora", "other").unwrap();
    for (name, id) in [
        ("my-lora", "ZS-MODEL-NAME-TAKEN"),
        (SMOL, "ZS-MODEL-NAME-TAKEN"),
        ("My Lora", "ZS-FIELD"),
        ("", "ZS-FIELD"),
    ] {
        let refused = models.check_output(name, "other").unwrap_err().into();
        let detail = zhisuan_proto::detail_of(&refused).unwrap();
        assert_eq!(
            (detail.code.as_str(), detail.field.as_str()),
            (id, "spec.train.output_model"),
            "{name}"
        );
    }
}

#[test]
fn one_deployment_never_mixes_private_models_of_two_owners() {
    let mut registry = registry();
    for (name, tenant) in [("a-lora", "acme"), ("b-lora", "other"), ("c-lora", "acme")] {
        registry.insert(Model {
            version: 1,
            ..adapter(name, tenant)
        });
    }
    let boss = caller(Role::Operator, "centre");
    let both = |adapter: &str| DeployRequest {
        adapters: vec!["a-lora".into(), adapter.into()],
        ..ask(QWEN)
    };
    let refused = plan(both("b-lora"), &boss, &registry, 5).unwrap_err();
    assert!(
        matches!(&refused, ModelError::Field { field, value, .. } if field == "adapters" && value == "b-lora"),
        "{refused}"
    );
    let same = plan(both("c-lora"), &boss, &registry, 5).unwrap();
    assert_eq!(same.callers, "acme");
}

#[test]
fn tenants_see_their_own_and_the_centres() {
    let mut registry = registry();
    registry.insert(Model {
        version: 1,
        ..adapter("my-lora", "acme")
    });
    assert_eq!(registry.list(Some("acme")).count(), 5);
    assert_eq!(registry.list(Some("other")).count(), 4);
    assert!(registry.get("my-lora", 0, Some("other")).is_err());
    let asked = ["my-lora".to_owned(), QWEN.to_owned()];
    let names: Vec<&str> = registry
        .resolve(&asked, Some("acme"))
        .unwrap()
        .iter()
        .map(|model| model.name.as_str())
        .collect();
    assert_eq!(names, [QWEN, "my-lora"], "base before adapter, each once");
    assert!(registry.resolve(&asked, Some("other")).is_err());
}

#[tokio::test]
async fn what_a_job_made_is_registered_once_and_survives_a_restart() {
    let records = Arc::new(FakeRecords::default());
    let catalogue = Catalogue::load(None).unwrap();
    let models = Models::open(records.clone(), &catalogue).unwrap();
    let mut made = adapter("my-lora", "");
    made.lineage = Some(Lineage {
        job_id: 9,
        attempt: 1,
        ..Lineage::default()
    });
    let wire = super::convert::to_proto(&made);
    let first = models.register(wire.clone(), "acme", 5).await.unwrap();
    let again = models.register(wire.clone(), "acme", 6).await.unwrap();
    assert_eq!(first, again);
    let reopened = Models::open(records, &catalogue).unwrap();
    assert_eq!(reopened.get("my-lora", 0, Some("acme")).unwrap(), first);
    assert_eq!(
        reopened
            .resolve(&["my-lora".into()], "centre")
            .unwrap()
            .len(),
        2
    );
    assert!(reopened.resolve(&["my-lora".into()], "other").is_err());
}

#[test]
fn a_deployment_is_checked_as_a_whole() {
    let mut registry = registry();
    registry.insert(Model {
        version: 1,
        ..adapter("my-lora", "acme")
    });
    let acme = caller(Role::Tenant, "acme");
    let boss = caller(Role::Operator, "centre");
    let public = plan(ask(QWEN), &boss, &registry, 5).unwrap();
    assert_eq!(
        (public.callers.as_str(), public.payer(), public.dedicated),
        ("", "centre", false)
    );
    let spec = public.job_spec();
    let resources = spec.resources.unwrap();
    assert_eq!(
        (resources.cpu_milli, resources.memory_mib),
        (1000, 703 + 512)
    );
    let own = plan(ask("my-lora"), &acme, &registry, 5).unwrap();
    assert_eq!(own.models, [QWEN, "my-lora"]);
    assert_eq!(
        (own.callers.as_str(), own.payer(), own.name.as_str()),
        ("acme", "acme", "my-lora")
    );
    assert!(
        own.clash(&public).is_none(),
        "the same base may be served twice"
    );
    assert!(
        plan(ask(QWEN), &boss, &registry, 6)
            .unwrap()
            .clash(&public)
            .is_some()
    );
    let by_centre = plan(ask("my-lora"), &boss, &registry, 5).unwrap();
    assert_eq!(by_centre.callers, "acme", "a tenant's model stays its own");
}

#[test]
fn a_deployment_that_could_not_work_is_refused() {
    let mut registry = registry();
    registry.insert(Model {
        version: 1,
        ..adapter("my-lora", "acme")
    });
    let acme = caller(Role::Tenant, "acme");
    let refused = |request, who: &Caller| plan(request, who, &registry, 5).unwrap_err().to_string();
    assert!(refused(ask("my-lora"), &caller(Role::Tenant, "other")).contains("no model"));
    assert!(refused(ask("smollm2-135m"), &acme).contains(SMOL));
    let tokens = DeployRequest {
        metering: Metering::Tokens.into(),
        ..ask(QWEN)
    };
    assert!(refused(tokens, &acme).contains("METERING_DEDICATED"));
    let foreign = DeployRequest {
        adapters: vec!["my-lora".into()],
        ..ask(SMOL)
    };
    assert!(refused(foreign, &acme).contains("adapters"));
    let not_adapter = DeployRequest {
        adapters: vec![SMOL.into()],
        ..ask(QWEN)
    };
    assert!(refused(not_adapter, &acme).contains("adapters[0]"));
    let many = DeployRequest {
        replicas: 1000,
        ..ask(QWEN)
    };
    assert!(refused(many, &acme).contains("replicas"));
    let elsewhere = DeployRequest {
        tenant: "other".into(),
        ..ask(QWEN)
    };
    assert!(refused(elsewhere, &acme).contains("tenant"));
}
