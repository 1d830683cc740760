//! The training run: one optimiser step at a time, resumable exactly.

use super::checkpoint::{self, State};
use super::data::{self, Example};
use super::graph::Graph;
use super::optimiser::{Moments, clip};
use super::variables::Variables;
use super::{LoraConfig, TrainConfig};
use crate::error::EngineError;
use crate::load::spec::Architecture;
use crate::load::{self, ModelInfo};
use crate::model::decoder::Decoder;
use candle_core::Tensor;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;

/// What one step did.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// Number of the step, from 1.
    pub step: usize,
    /// Steps of the whole run.
    pub of: usize,
    /// Mean negative log probability of the learnt tokens, before the step.
    pub loss: f64,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Tokens that went through the model, context included.
    pub tokens: usize,
    /// Norm of the gradient before clipping.
    pub grad_norm: f64,
}

/// A loss, and the gradient of each variable.
type Gradients = (f64, Vec<Vec<f32>>);

/// A LoRA fine-tuning run of a frozen base model.
pub struct Trainer {
    decoder: Arc<Decoder>,
    info: ModelInfo,
    variables: Variables,
    moments: Vec<Moments>,
    examples: Vec<Example>,
    state: State,
}

impl Trainer {
    /// Loads model and data and starts a run. `data` holds JSON lines, each either
    /// `{"messages": [{"role", "content"}, …]}` (assistant turns are learnt) or
    /// `{"prompt", "completion"}` (the completion is learnt).
    pub fn open(
        model: &Path,
        data: &Path,
        lora: LoraConfig,
        train: TrainConfig,
    ) -> Result<Self, EngineError> {
        train.validate()?;
        lora.parsed_targets()?;
        let source = load::open(model)?;
        let family = source.spec.architecture;
        let known = [
            Architecture::Llama,
            Architecture::Mistral,
            Architecture::Qwen2,
        ];
        if !known.contains(&family) || source.spec.window.is_some() {
            return Err(EngineError::unsupported(format!(
                "训练架构“{}”（可训练 llama、qwen2，以及不带滑动窗口的 mistral）",
                family.name()
            )));
        }
        if train.max_len > source.spec.context_length {
            return Err(EngineError::invalid(
                "max_len",
                format!(
                    "值为 {}，模型上限为 {}",
                    train.max_len, source.spec.context_length
                ),
            ));
        }
        let bytes = std::fs::read(data).map_err(|e| EngineError::io(data, &e))?;
        let text = std::str::from_utf8(&bytes).map_err(|e| EngineError::Data {
            line: String::from_utf8_lossy(&bytes[..e.valid_up_to()])
                .matches('\n')
                .count()
                + 1,
            field: "(UTF-8)".to_owned(),
            detail: "不是 UTF-8 文本".to_owned(),
        })?;
        let examples = data::parse(text, &source.tokenizer, &source.template, &train)?;
        let variables = Variables::new(&source.spec, &lora, train.seed)?;
        let info = source.info;
        let state = State {
            step: 0,
            lora,
            train,
            model: format!(
                "{}/{}/{}/{}",
                info.architecture, info.name, info.parameters, info.file_bytes
            ),
            data: hex::encode(Sha256::digest(&bytes)),
        };
        let decoder = Arc::new(Decoder::load(source.spec, source.weights.as_ref())?);
        let moments = variables
            .named()
            .iter()
            .map(|(_, v)| Moments::new(v.elem_count()))
            .collect();
        Ok(Self {
            decoder,
            info,
            variables,
            moments,
            examples,
            state,
        })
    }

    /// As [`Trainer::open`], going on from a checkpoint of the same run. The result is the
    /// same as that of a run that was never interrupted, bit for bit on one machine.
    pub fn resume(
        model: &Path,
        data: &Path,
        lora: LoraConfig,
        train: TrainConfig,
        checkpoint: &Path,
    ) -> Result<Self, EngineError> {
        let mut trainer = Self::open(model, data, lora, train)?;
        trainer.state.step = checkpoint::load(
            checkpoint,
            &trainer.state,
            &trainer.variables,
            &mut trainer.moments,
        )?;
        Ok(trainer)
    }

    /// Steps done so far.
    pub fn step_number(&self) -> usize {
        self.state.step
    }

    /// Number of examples in the data.
    pub fn examples(&self) -> usize {
        self.examples.len()
    }

    /// What is known about the base model.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// All steps are done.
    pub fn finished(&self) -> bool {
        self.state.step >= self.state.train.steps
    }

    /// Runs one optimiser step. An error leaves weights and moments as they were.
    pub fn step(&mut self) -> Result<StepReport, EngineError> {
        self.step_while(&|| true)?.ok_or(EngineError::Cancelled)
    }

    /// As [`Trainer::step`], asking `keep_going` before each micro-batch. `None` when it said
    /// no: the step is given up, weights and moments are as they were.
    pub fn step_while(
        &mut self,
        keep_going: &dyn Fn() -> bool,
    ) -> Result<Option<StepReport>, EngineError> {
        if self.finished() {
            return Err(EngineError::invalid(
                "steps",
                format!("{} 步已全部完成", self.state.train.steps),
            ));
        }
        let (config, step) = (&self.state.train, self.state.step);
        let per_step = config.batch_size * config.grad_accumulation;
        let chosen: Vec<&Example> = (0..per_step)
            .map(|i| data::order(config.seed, self.examples.len(), step * per_step + i))
            .filter_map(|index| self.examples.get(index))
            .collect();
        let learnt = chosen.iter().flat_map(|e| &e.targets).flatten().count();
        let summed = self.gradients(&chosen, 1.0 / learnt as f32, keep_going)?;
        let Some((loss, mut gradients)) = summed else {
            return Ok(None);
        };
        let grad_norm = clip(&mut gradients, config.clip_norm);
        if !loss.is_finite() || !grad_norm.is_finite() {
            return Err(EngineError::NumericFault);
        }
        let learning_rate = config.rate(step);
        for (((_, var), moments), gradient) in self
            .variables
            .named()
            .into_iter()
            .zip(&mut self.moments)
            .zip(&gradients)
        {
            let mut values = var.flatten_all()?.to_vec1::<f32>()?;
            moments.apply(
                &mut values,
                gradient,
                step,
                learning_rate,
                config.weight_decay,
            );
            var.set(&Tensor::from_vec(values, var.shape(), var.device())?)?;
        }
        self.state.step += 1;
        Ok(Some(StepReport {
            step: self.state.step,
            of: self.state.train.steps,
            loss,
            learning_rate,
            tokens: chosen.iter().map(|e| e.tokens.len()).sum(),
            grad_norm,
        }))
    }

    /// Loss and gradient of each variable, summed over the micro-batches; `None` when
    /// `keep_going` says no before one of them.
    fn gradients(
        &self,
        chosen: &[&Example],
        weight: f32,
        keep_going: &dyn Fn() -> bool,
    ) -> Result<Option<Gradients>, EngineError> {
        let graph = Graph {
            decoder: &self.decoder,
            variables: &self.variables,
        };
        let named = self.variables.named();
        let mut sums: Vec<Vec<f32>> = named
            .iter()
            .map(|(_, v)| vec![0.0; v.elem_count()])
            .collect();
        let mut total = 0f64;
        for batch in chosen.chunks(self.state.train.batch_size) {
            if !keep_going() {
                return Ok(None);
            }
            let loss = graph.loss(batch, weight)?;
            total += f64::from(loss.to_scalar::<f32>()?);
            let gradients = loss.backward()?;
            for ((_, var), sum) in named.iter().zip(&mut sums) {
                if let Some(gradient) = gradients.get(var) {
                    let values = gradient.flatten_all()?.to_vec1::<f32>()?;
                    sum.iter_mut().zip(values).for_each(|(s, g)| *s += g);
                }
            }
        }
        Ok(Some((total, sums)))
    }

    /// Writes everything that [`Trainer::resume`] needs into `dir`, replacing what was there
    /// in one move.
    pub fn save_checkpoint(&self, dir: &Path) -> Result<(), EngineError> {
        checkpoint::save(dir, &self.state, &self.variables, &self.moments)
    }

    /// Writes the adapter in PEFT's layout into `dir`. `base_sha256` names the base model's
    /// file in the adapter's configuration.
    pub fn save_adapter(&self, dir: &Path, base_sha256: &str) -> Result<(), EngineError> {
        checkpoint::save_adapter(
            dir,
            &self.variables,
            &self.state.lora,
            &self.info.name,
            base_sha256,
        )
    }
}
