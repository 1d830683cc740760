//! Reads a GGUF header without trusting it: every count and length is checked against
//! the bytes that are left in the file before memory is taken for it.
//!
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>, versions 2 and 3.

use crate::error::EngineError;
use candle_core::quantized::GgmlDType;
use std::collections::BTreeMap;
use std::io::Read;

const MAX_KEYS: u64 = 4096;
const MAX_TENSORS: u64 = 1 << 16;
const MAX_NAME_BYTES: u64 = 1 << 16;
const MAX_STRING_BYTES: u64 = 1 << 22;
const MAX_ARRAY: u64 = 1 << 24;
const MAX_DEPTH: usize = 4;
const MAX_ELEMENTS: u64 = 1 << 40;

/// A metadata value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Any unsigned or signed integer, or a boolean as 0 or 1.
    Int(i64),
    /// f32 or f64.
    Float(f64),
    /// Text; invalid UTF-8 is replaced.
    Text(String),
    /// Values of one type.
    List(Vec<Value>),
}

/// Where a tensor lies.
#[derive(Debug, Clone)]
pub(crate) struct TensorEntry {
    /// Rows first (the file stores columns first).
    pub(crate) shape: Vec<usize>,
    /// Storage format.
    pub(crate) dtype: GgmlDType,
    /// Absolute position in the file.
    pub(crate) offset: u64,
    /// Length in bytes.
    pub(crate) bytes: u64,
}

impl TensorEntry {
    /// Its bytes in the file.
    pub(crate) fn range(&self) -> std::ops::Range<usize> {
        self.offset as usize..(self.offset + self.bytes) as usize
    }
}

/// A checked header.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) metadata: BTreeMap<String, Value>,
    pub(crate) tensors: BTreeMap<String, TensorEntry>,
}

struct Cursor<R> {
    inner: R,
    at: u64,
    size: u64,
}

impl<R: Read> Cursor<R> {
    fn take<const N: usize>(&mut self, field: &str) -> Result<[u8; N], EngineError> {
        self.need(field, N as u64)?;
        let mut buffer = [0u8; N];
        self.inner.read_exact(&mut buffer).map_err(|e| {
            EngineError::corrupt(field, format!("第 {} 字节处读取失败：{e}", self.at))
        })?;
        self.at += N as u64;
        Ok(buffer)
    }

    fn need(&self, field: &str, bytes: u64) -> Result<(), EngineError> {
        let left = self.size.saturating_sub(self.at);
        if bytes > left {
            return Err(EngineError::corrupt(
                field,
                format!(
                    "需要 {bytes} 字节，文件在第 {} 字节后只剩 {left} 字节",
                    self.at
                ),
            ));
        }
        Ok(())
    }

    fn u32(&mut self, field: &str) -> Result<u32, EngineError> {
        Ok(u32::from_le_bytes(self.take(field)?))
    }

    fn u64(&mut self, field: &str) -> Result<u64, EngineError> {
        Ok(u64::from_le_bytes(self.take(field)?))
    }

    fn text(&mut self, field: &str, most: u64) -> Result<String, EngineError> {
        let length = self.u64(field)?;
        if length > most {
            return Err(EngineError::corrupt(
                field,
                format!("字符串长 {length} 字节，上限 {most}"),
            ));
        }
        self.need(field, length)?;
        let mut buffer = vec![0u8; length as usize];
        self.inner
            .read_exact(&mut buffer)
            .map_err(|e| EngineError::corrupt(field, e.to_string()))?;
        self.at += length;
        Ok(String::from_utf8_lossy(&buffer).into_owned())
    }
}

/// Parses and checks the header of a GGUF file of `size` bytes.
pub(crate) fn read(reader: impl Read, size: u64) -> Result<Header, EngineError> {
    let mut cursor = Cursor {
        inner: reader,
        at: 0,
        size,
    };
    let magic: [u8; 4] = cursor.take("magic")?;
    if &magic != b"GGUF" {
        return Err(EngineError::corrupt(
            "magic",
            "文件不以 GGUF 开头，不是 GGUF 模型",
        ));
    }
    let version = cursor.u32("version")?;
    if !(2..=3).contains(&version) {
        return Err(EngineError::unsupported(format!(
            "GGUF 版本 {version}（支持 2 与 3）"
        )));
    }
    let tensor_count = bounded("tensor_count", cursor.u64("tensor_count")?, MAX_TENSORS)?;
    let key_count = bounded(
        "metadata_kv_count",
        cursor.u64("metadata_kv_count")?,
        MAX_KEYS,
    )?;
    let mut metadata = BTreeMap::new();
    for _ in 0..key_count {
        let key = cursor.text("metadata key", MAX_NAME_BYTES)?;
        let kind = cursor.u32(&key)?;
        let value = value(&mut cursor, &key, kind, 0)?;
        if metadata.insert(key.clone(), value).is_some() {
            return Err(EngineError::corrupt(key, "重复出现"));
        }
    }
    let mut entries = Vec::new();
    for _ in 0..tensor_count {
        entries.push(tensor_entry(&mut cursor)?);
    }
    let alignment = match metadata.get("general.alignment") {
        None => 32,
        Some(Value::Int(a)) if (1..=1 << 16).contains(a) && (*a as u64).is_power_of_two() => {
            *a as u64
        }
        Some(other) => {
            return Err(EngineError::corrupt(
                "general.alignment",
                format!("{other:?}"),
            ));
        }
    };
    let base = cursor.at.next_multiple_of(alignment);
    let mut tensors = BTreeMap::new();
    for (name, mut entry) in entries {
        place(&name, &mut entry, base, alignment, size)?;
        if tensors.insert(name.clone(), entry).is_some() {
            return Err(EngineError::corrupt(name, "张量重复出现"));
        }
    }
    Ok(Header { metadata, tensors })
}

fn bounded(field: &str, value: u64, most: u64) -> Result<u64, EngineError> {
    if value > most {
        return Err(EngineError::corrupt(
            field,
            format!("值为 {value}，上限 {most}"),
        ));
    }
    Ok(value)
}

fn value<R: Read>(
    cursor: &mut Cursor<R>,
    key: &str,
    kind: u32,
    depth: usize,
) -> Result<Value, EngineError> {
    Ok(match kind {
        0 => Value::Int(i64::from(u8::from_le_bytes(cursor.take(key)?))),
        1 => Value::Int(i64::from(i8::from_le_bytes(cursor.take(key)?))),
        2 => Value::Int(i64::from(u16::from_le_bytes(cursor.take(key)?))),
        3 => Value::Int(i64::from(i16::from_le_bytes(cursor.take(key)?))),
        4 => Value::Int(i64::from(cursor.u32(key)?)),
        5 => Value::Int(i64::from(i32::from_le_bytes(cursor.take(key)?))),
        6 => Value::Float(f64::from(f32::from_le_bytes(cursor.take(key)?))),
        7 => match u8::from_le_bytes(cursor.take(key)?) {
            flag @ (0 | 1) => Value::Int(i64::from(flag)),
            other => return Err(EngineError::corrupt(key, format!("布尔值为 {other}"))),
        },
        8 => Value::Text(cursor.text(key, MAX_STRING_BYTES)?),
        9 => list(cursor, key, depth)?,
        10 => Value::Int(i64::try_from(cursor.u64(key)?).unwrap_or(i64::MAX)),
        11 => Value::Int(i64::from_le_bytes(cursor.take(key)?)),
        12 => Value::Float(f64::from_le_bytes(cursor.take(key)?)),
        other => return Err(EngineError::corrupt(key, format!("未知的值类型 {other}"))),
    })
}

fn list<R: Read>(cursor: &mut Cursor<R>, key: &str, depth: usize) -> Result<Value, EngineError> {
    if depth >= MAX_DEPTH {
        return Err(EngineError::corrupt(
            key,
            format!("数组嵌套超过 {MAX_DEPTH} 层"),
        ));
    }
    let kind = cursor.u32(key)?;
    let count = bounded(key, cursor.u64(key)?, MAX_ARRAY)?;
    let least = match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        _ => 8,
    };
    cursor.need(key, count * least)?;
    let mut items = Vec::new();
    for _ in 0..count {
        items.push(value(cursor, key, kind, depth + 1)?);
    }
    Ok(Value::List(items))
}

fn tensor_entry<R: Read>(cursor: &mut Cursor<R>) -> Result<(String, TensorEntry), EngineError> {
    let name = cursor.text("tensor name", MAX_NAME_BYTES)?;
    let rank = cursor.u32(&name)?;
    if !(1..=4).contains(&rank) {
        return Err(EngineError::corrupt(
            name,
            format!("维数为 {rank}，应为 1 到 4"),
        ));
    }
    let mut shape = Vec::with_capacity(4);
    let mut elements: u64 = 1;
    for _ in 0..rank {
        let dim = cursor.u64(&name)?;
        elements = elements.saturating_mul(dim);
        if dim == 0 || elements > MAX_ELEMENTS {
            return Err(EngineError::corrupt(
                name,
                format!("维度 {dim} 不合法或元素过多"),
            ));
        }
        shape.push(dim as usize);
    }
    shape.reverse();
    let kind = cursor.u32(&name)?;
    let dtype = dtype(kind)
        .ok_or_else(|| EngineError::unsupported(format!("张量 {name} 的存储格式编号 {kind}")))?;
    let offset = cursor.u64(&name)?;
    let row = shape.last().copied().unwrap_or(1);
    if !row.is_multiple_of(dtype.block_size()) {
        return Err(EngineError::corrupt(
            name,
            format!("行长 {row} 不是块长 {} 的倍数", dtype.block_size()),
        ));
    }
    let bytes = elements / dtype.block_size() as u64 * dtype.type_size() as u64;
    Ok((
        name,
        TensorEntry {
            shape,
            dtype,
            offset,
            bytes,
        },
    ))
}

fn place(
    name: &str,
    entry: &mut TensorEntry,
    base: u64,
    alignment: u64,
    size: u64,
) -> Result<(), EngineError> {
    if !entry.offset.is_multiple_of(alignment) {
        return Err(EngineError::corrupt(
            name,
            format!("偏移 {} 未按 {alignment} 字节对齐", entry.offset),
        ));
    }
    let end = base
        .checked_add(entry.offset)
        .and_then(|start| start.checked_add(entry.bytes))
        .filter(|end| *end <= size);
    if end.is_none() {
        return Err(EngineError::corrupt(
            name,
            format!(
                "数据位于偏移 {}、长 {} 字节，超出 {size} 字节的文件",
                entry.offset, entry.bytes
            ),
        ));
    }
    entry.offset += base;
    Ok(())
}

/// Format numbers of ggml's type table that Candle can read.
fn dtype(kind: u32) -> Option<GgmlDType> {
    Some(match kind {
        0 => GgmlDType::F32,
        1 => GgmlDType::F16,
        2 => GgmlDType::Q4_0,
        3 => GgmlDType::Q4_1,
        6 => GgmlDType::Q5_0,
        7 => GgmlDType::Q5_1,
        8 => GgmlDType::Q8_0,
        10 => GgmlDType::Q2K,
        11 => GgmlDType::Q3K,
        12 => GgmlDType::Q4K,
        13 => GgmlDType::Q5K,
        14 => GgmlDType::Q6K,
        30 => GgmlDType::BF16,
        _ => return None,
    })
}
