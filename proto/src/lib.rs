//! Wire types and generated gRPC code of Zhisuan. Knows no domain crate.
//!
//! The services and every field are documented in `zhisuan/v1/*.proto`.

mod choice;
mod error;
mod path;

pub use choice::{choices, draw};
pub use error::{detail_of, status};
pub use path::is_model_path;

/// Messages, clients and servers of the package `zhisuan.v1`.
#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    reason = "generated code; its docs are those of the .proto files"
)]
pub mod v1 {
    tonic::include_proto!("zhisuan.v1");
}

/// The compiled .proto files, for gRPC reflection and the compatibility test.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Largest message that servers and clients accept, bytes.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;
