//! Files with the shape of a larger model and random weights: what it costs is real, what it says
//! is noise. The vocabulary is that of a model of the cache.

use anyhow::{Context, Result, bail, ensure};
use std::io::{BufWriter, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// Alignment of tensor data.
const ALIGN: usize = 32;
/// Bytes of a Q4_K block of 256 weights.
const BLOCK_BYTES: usize = 144;
/// GGUF's numbers for value and tensor types.
const U32: u32 = 4;
const F32: u32 = 6;
const STRING: u32 = 8;
const ARRAY: u32 = 9;
const TENSOR_F32: u32 = 0;
const TENSOR_Q4_K: u32 = 12;

/// Sizes of a Qwen3 decoder, as its model card gives them.
struct Shape {
    layers: u32,
    hidden: u32,
    inner: u32,
    heads: u32,
    kv_heads: u32,
    head_dim: u32,
}

/// The shapes that `--shape` knows.
fn shape(name: &str) -> Result<Shape> {
    let (layers, hidden, inner, heads) = match name {
        "qwen3-0.6b" => (28, 1024, 3072, 16),
        "qwen3-1.7b" => (28, 2048, 6144, 16),
        _ => bail!("--shape {name}: known are qwen3-0.6b and qwen3-1.7b"),
    };
    Ok(Shape {
        layers,
        hidden,
        inner,
        heads,
        kv_heads: 8,
        head_dim: 128,
    })
}

/// Writes a file of the named shape; it goes when the value goes.
pub(crate) fn write(name: &str, vocabulary_of: &Path) -> Result<NamedTempFile> {
    let shape = shape(name)?;
    let donor = std::fs::read(vocabulary_of)?;
    let (vocabulary, tokens) = vocabulary(&donor)?;
    let tensors = tensors(&shape, tokens);
    let file = tempfile::Builder::new().suffix(".gguf").tempfile()?;
    let mut out = BufWriter::with_capacity(1 << 20, file.as_file());
    let head = head(name, &shape, &vocabulary, &tensors);
    out.write_all(&head)?;
    let mut at = head.len();
    let mut noise = Noise(1);
    for tensor in &tensors {
        let padding = at.next_multiple_of(ALIGN) - at;
        out.write_all(&[0; ALIGN][..padding])?;
        tensor.data(&mut noise, &mut out)?;
        at += padding + tensor.bytes();
    }
    out.flush()?;
    drop(out);
    Ok(file)
}

/// A tensor to be written: `columns` inputs, `rows` outputs; one row is a norm.
struct Tensor {
    name: String,
    columns: u32,
    rows: u32,
}

impl Tensor {
    fn weights(&self) -> usize {
        self.columns as usize * self.rows as usize
    }

    fn bytes(&self) -> usize {
        if self.rows == 1 {
            4 * self.weights()
        } else {
            self.weights() / 256 * BLOCK_BYTES
        }
    }

    /// Norms are one; matrices are blocks with random codes and scales around zero.
    fn data(&self, noise: &mut Noise, out: &mut impl Write) -> Result<()> {
        if self.rows == 1 {
            for _ in 0..self.columns {
                out.write_all(&1f32.to_le_bytes())?;
            }
            return Ok(());
        }
        // f16 of 1.2e-4, and of 7.5 times that: the minima balance the mean of the codes.
        let (scale, minimum) = (0x07de_u16, 0x1361_u16);
        for _ in 0..self.weights() / 256 {
            let mut block = [0u8; BLOCK_BYTES];
            for eight in block.as_chunks_mut::<8>().0 {
                *eight = noise.next().to_le_bytes();
            }
            block[..2].copy_from_slice(&scale.to_le_bytes());
            block[2..4].copy_from_slice(&minimum.to_le_bytes());
            out.write_all(&block)?;
        }
        Ok(())
    }
}

fn tensors(shape: &Shape, tokens: u32) -> Vec<Tensor> {
    let tensor = |name: String, columns: u32, rows: u32| Tensor {
        name,
        columns,
        rows,
    };
    let (hidden, inner, dim) = (shape.hidden, shape.inner, shape.head_dim);
    let (queries, keys) = (shape.heads * dim, shape.kv_heads * dim);
    let mut all = vec![
        tensor("token_embd.weight".to_owned(), hidden, tokens),
        tensor("output_norm.weight".to_owned(), hidden, 1),
    ];
    for layer in 0..shape.layers {
        let parts = [
            ("attn_norm", hidden, 1),
            ("attn_q", hidden, queries),
            ("attn_k", hidden, keys),
            ("attn_v", hidden, keys),
            ("attn_q_norm", dim, 1),
            ("attn_k_norm", dim, 1),
            ("attn_output", queries, hidden),
            ("ffn_norm", hidden, 1),
            ("ffn_gate", hidden, inner),
            ("ffn_up", hidden, inner),
            ("ffn_down", inner, hidden),
        ];
        all.extend(parts.map(|(part, columns, rows)| {
            tensor(format!("blk.{layer}.{part}.weight"), columns, rows)
        }));
    }
    all
}

/// Everything before the data: fields, then names, sizes and places of the tensors.
fn head(name: &str, shape: &Shape, vocabulary: &[&[u8]], tensors: &[Tensor]) -> Vec<u8> {
    let number = |key: &str, value: u32| field(key, U32, &value.to_le_bytes());
    let real = |key: &str, value: f32| field(key, F32, &value.to_le_bytes());
    let text = |key: &str, value: &str| field(key, STRING, &string(value));
    let fields = [
        text("general.architecture", "qwen3"),
        text("general.name", &format!("{name} with random weights")),
        number("qwen3.block_count", shape.layers),
        number("qwen3.context_length", 4096),
        number("qwen3.embedding_length", shape.hidden),
        number("qwen3.feed_forward_length", shape.inner),
        number("qwen3.attention.head_count", shape.heads),
        number("qwen3.attention.head_count_kv", shape.kv_heads),
        number("qwen3.attention.key_length", shape.head_dim),
        number("qwen3.attention.value_length", shape.head_dim),
        real("qwen3.rope.freq_base", 1e6),
        real("qwen3.attention.layer_norm_rms_epsilon", 1e-6),
    ];
    let mut head = b"GGUF".to_vec();
    head.extend(3u32.to_le_bytes());
    head.extend((tensors.len() as u64).to_le_bytes());
    head.extend(((fields.len() + vocabulary.len()) as u64).to_le_bytes());
    head.extend(fields.concat());
    head.extend(vocabulary.concat());
    let mut at = 0_usize;
    for tensor in tensors {
        head.extend(string(&tensor.name));
        let flat = tensor.rows == 1;
        head.extend(if flat { 1u32 } else { 2 }.to_le_bytes());
        head.extend(u64::from(tensor.columns).to_le_bytes());
        if !flat {
            head.extend(u64::from(tensor.rows).to_le_bytes());
        }
        head.extend(if flat { TENSOR_F32 } else { TENSOR_Q4_K }.to_le_bytes());
        at = at.next_multiple_of(ALIGN);
        head.extend((at as u64).to_le_bytes());
        at += tensor.bytes();
    }
    head
}

fn string(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

fn field(key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = string(key);
    bytes.extend(kind.to_le_bytes());
    bytes.extend(value);
    bytes
}

/// The tokenizer's fields of a GGUF file as they stand, and how many tokens they list.
fn vocabulary(file: &[u8]) -> Result<(Vec<&[u8]>, u32)> {
    let mut reader = Reader { file, at: 16 };
    ensure!(file.starts_with(b"GGUF"), "the donor is no GGUF file");
    let fields = reader.number(8)?;
    let (mut kept, mut tokens) = (Vec::new(), None);
    for _ in 0..fields {
        let begin = reader.at;
        let key = reader.text()?;
        let kind = reader.number(4)? as u32;
        let length = reader.skip(kind)?;
        if key.starts_with(b"tokenizer.") {
            kept.push(&file[begin..reader.at]);
        }
        if key == b"tokenizer.ggml.tokens" {
            tokens = length;
        }
    }
    let tokens = tokens.context("the donor lists no tokens")?;
    Ok((kept, u32::try_from(tokens)?))
}

/// Walks over the fields of a GGUF file.
struct Reader<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(count).context("a field too long")?;
        let bytes = self.file.get(self.at..end).context("a field cut short")?;
        self.at = end;
        Ok(bytes)
    }

    fn number(&mut self, bytes: usize) -> Result<u64> {
        let mut number = [0; 8];
        number[..bytes].copy_from_slice(self.take(bytes)?);
        Ok(u64::from_le_bytes(number))
    }

    fn text(&mut self) -> Result<&'a [u8]> {
        let length = usize::try_from(self.number(8)?)?;
        self.take(length)
    }

    /// Steps over a value; for an array, how many elements it has.
    fn skip(&mut self, kind: u32) -> Result<Option<u64>> {
        match kind {
            STRING => drop(self.text()?),
            ARRAY => {
                let element = self.number(4)? as u32;
                let count = self.number(8)?;
                for _ in 0..count {
                    self.skip(element)?;
                }
                return Ok(Some(count));
            }
            0 | 1 | 7 => drop(self.take(1)?),
            2 | 3 => drop(self.take(2)?),
            U32 | 5 | F32 => drop(self.take(4)?),
            10..=12 => drop(self.take(8)?),
            _ => bail!("a field of an unknown type"),
        }
        Ok(None)
    }
}

/// Random numbers from a seed (splitmix64, Steele and others 2014).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
