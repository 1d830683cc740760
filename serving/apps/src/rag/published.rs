//! The folder as a published base, until the library of the governed base takes its place.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::base::KnowledgeBase;
use super::document::{Document, Status};
use super::passage::SectionKind;
use crate::kb;

impl KnowledgeBase {
    /// All texts of the folder as versions numbered 1.
    pub fn published(&self) -> kb::Published {
        let versions = self.documents().iter().enumerate().map(|(at, document)| {
            let own = self.passages().iter().filter(|p| p.document == at);
            let passages = own.map(|passage| {
                let path = vec![passage.section.clone()];
                kb::Passage::new(path, kind(passage.kind), passage.sentences.clone())
            });
            Arc::new(version(document, passages.collect()))
        });
        let versions: Vec<_> = versions.collect();
        let digests: String = versions.iter().map(|v| v.text_sha256.as_str()).collect();
        kb::Published {
            base: "knowledge".to_owned(),
            versions,
            digest: hex::encode(Sha256::digest(digests)),
            ..kb::Published::default()
        }
    }
}

fn version(document: &Document, passages: Vec<kb::Passage>) -> kb::Version {
    let declared = match document.declared {
        Status::Draft => kb::Declared::Draft,
        Status::Repealed => kb::Declared::Repealed,
        Status::InForce | Status::NotYet => kb::Declared::InForce,
        Status::Unstated => kb::Declared::Unstated,
    };
    let hand_over = document.hand_over.as_ref().map(|own| kb::HandOver {
        phone: own.phone.clone(),
        counter: own.counter.clone(),
    });
    kb::Version {
        id: kb::VersionId {
            document: document.id.clone(),
            number: 1,
        },
        head: kb::Head {
            title: document.title.clone(),
            number: document.number.clone(),
            issuer: Some(document.issuer.clone()),
            place: document.place.clone(),
            effective: document.effective_date,
            repealed: document.ended_date,
            declared,
            theme: document.theme.clone(),
            sample_question: document.sample_question.clone(),
            hand_over,
            ..kb::Head::default()
        },
        file: kb::SourceFile {
            name: document.file.clone(),
            format: kb::Format::Markdown,
            bytes: document.raw.len() as u64,
            sha256: document.sha256.clone(),
        },
        text: document.raw.as_str().into(),
        text_sha256: document.sha256.clone(),
        repairs: Vec::new(),
        blocks: Vec::new(),
        passages,
        replaces_from: None,
        replaced_from: None,
        findings: Vec::new(),
        published_ms: 0,
    }
}

fn kind(kind: SectionKind) -> kb::SectionKind {
    match kind {
        SectionKind::Conditions => kb::SectionKind::Conditions,
        SectionKind::Materials => kb::SectionKind::Materials,
        SectionKind::Process => kb::SectionKind::Process,
        SectionKind::Time => kb::SectionKind::Time,
        SectionKind::Fee => kb::SectionKind::Fee,
        SectionKind::Standard => kb::SectionKind::Standard,
        SectionKind::Period => kb::SectionKind::Period,
        SectionKind::Place => kb::SectionKind::Place,
        SectionKind::Phone => kb::SectionKind::Phone,
        SectionKind::Legal => kb::SectionKind::Legal,
        SectionKind::Other => kb::SectionKind::Other,
    }
}
