//! Compiles the .proto files with `protox`, so that no protoc is needed.

use std::path::PathBuf;

const FILES: [&str; 8] = [
    "common",
    "jobs",
    "nodes",
    "models",
    "replicas",
    "billing",
    "access",
    "artifacts",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paths = FILES.map(|name| format!("zhisuan/v1/{name}.proto"));
    let descriptors = protox::compile(&paths, ["."])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(
        out.join("descriptors.bin"),
        prost::Message::encode_to_vec(&descriptors),
    )?;
    tonic_prost_build::configure()
        .bytes(".zhisuan.v1.ArtifactChunk")
        .compile_fds(descriptors)?;
    println!("cargo::rerun-if-changed=zhisuan");
    Ok(())
}
