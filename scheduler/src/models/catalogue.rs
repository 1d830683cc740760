//! The catalogue: models that the centre knows from the start. Strict: an unknown key is an error.

use super::convert::to_proto;
use super::error::ModelError;
use super::model::{File, Kind, Model};
use super::shape;
use serde::Deserialize;
use zhisuan_proto::v1;

const BUILT_IN: &str = include_str!("../../catalogue.toml");

/// A model of the built-in catalogue, for tools that run without a scheduler.
pub fn built_in(name: &str) -> Option<v1::ModelManifest> {
    let catalogue = Catalogue::load(None).ok()?;
    let model = catalogue.models().find(|model| model.name == name)?;
    Some(to_proto(&model))
}

/// Models of the centre, in the order of the file.
#[derive(Clone, Debug)]
pub(crate) struct Catalogue {
    models: Vec<Entry>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    model: Vec<Entry>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    #[serde(default)]
    default: bool,
    architecture: String,
    licence: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    languages: Vec<String>,
    #[serde(default)]
    abilities: Vec<String>,
    files: Vec<File>,
}

impl Entry {
    fn to_model(&self) -> Model {
        Model {
            name: self.name.clone(),
            version: 1,
            kind: Kind::Base,
            architecture: self.architecture.clone(),
            licence: self.licence.clone(),
            description: self.description.clone(),
            languages: self.languages.clone(),
            abilities: self.abilities.clone(),
            files: self.files.clone(),
            ..Model::default()
        }
    }
}

impl Catalogue {
    /// The built-in models with an operator's file (its text) on top: new models are added; of a
    /// known one the sources are tried first, its files must be the same.
    pub(crate) fn load(operator: Option<&str>) -> Result<Self, ModelError> {
        let mut models = parse(BUILT_IN)?;
        let added = operator.map(parse).transpose()?.unwrap_or_default();
        if added.iter().any(|entry| entry.default) {
            for entry in &mut models {
                entry.default = false;
            }
        }
        for (index, entry) in added.into_iter().enumerate() {
            match models.iter_mut().find(|known| known.name == entry.name) {
                Some(known) => merge(known, entry, index)?,
                None => models.push(entry),
            }
        }
        Ok(Self { models })
    }

    /// The model that is meant when nobody names one.
    pub(crate) fn default_model(&self) -> Option<&str> {
        let default = self.models.iter().find(|entry| entry.default);
        default
            .or_else(|| self.models.first())
            .map(|entry| entry.name.as_str())
    }

    pub(crate) fn models(&self) -> impl Iterator<Item = Model> + '_ {
        self.models.iter().map(Entry::to_model)
    }
}

fn parse(text: &str) -> Result<Vec<Entry>, ModelError> {
    let refuse = |path: String, cause: &dyn std::fmt::Display| ModelError::Catalogue {
        path,
        cause: cause.to_string(),
    };
    let reader =
        toml::Deserializer::parse(text).map_err(|error| refuse("the file".into(), &error))?;
    let document: Document = serde_path_to_error::deserialize(reader)
        .map_err(|error| refuse(error.path().to_string(), error.inner()))?;
    for (index, entry) in document.model.iter().enumerate() {
        let path = format!("model[{index}]");
        shape::check(&entry.to_model(), &path)?;
        if document
            .model
            .iter()
            .take(index)
            .any(|earlier| earlier.name == entry.name)
        {
            return Err(refuse(
                format!("{path}.name"),
                &format!("{} is there twice", entry.name),
            ));
        }
    }
    Ok(document.model)
}

fn merge(known: &mut Entry, added: Entry, index: usize) -> Result<(), ModelError> {
    for (at, file) in added.files.into_iter().enumerate() {
        let same = |mine: &&mut File| mine.path == file.path && mine.sha256 == file.sha256;
        let Some(mine) = known.files.iter_mut().find(same) else {
            return Err(ModelError::Catalogue {
                path: format!("model[{index}].files[{at}]"),
                cause: format!("{} has no file {} with this SHA-256", known.name, file.path),
            });
        };
        let mut sources = file.sources;
        sources.append(&mut mine.sources);
        sources.dedup();
        mine.sources = sources;
    }
    known.default |= added.default;
    Ok(())
}
