//! The wire contract only grows: numbers, names and types of what exists stay as they are.
//!
//! `fields.txt` lists every field, value and call. `UPDATE_FIELDS=1` adds what is new; what
//! changed or vanished fails with or without it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    ServiceDescriptorProto,
};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// What a line is about, and what it says of it.
type Contract = BTreeMap<String, String>;

#[test]
fn nothing_on_the_wire_changed_or_vanished() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fields.txt");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let known: Contract = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = "))
        .map(|(subject, what)| (subject.to_owned(), what.to_owned()))
        .collect();
    let now = contract();
    let mut broken = String::new();
    for (subject, was) in &known {
        match now.get(subject) {
            None => writeln!(broken, "{subject} = {was}\n  has vanished: mark it `reserved` in the .proto file and keep it in the code").unwrap(),
            Some(is) if is != was => writeln!(broken, "{subject}\n  was {was}\n  is  {is}").unwrap(),
            Some(_) => {}
        }
    }
    assert!(
        broken.is_empty(),
        "programs that are already out would misread:\n{broken}"
    );
    let fresh: Vec<&String> = now.keys().filter(|key| !known.contains_key(*key)).collect();
    if fresh.is_empty() {
        return;
    }
    let update = std::env::var_os("UPDATE_FIELDS").is_some();
    assert!(
        update,
        "not in tests/fields.txt yet: {fresh:?}\nto add: UPDATE_FIELDS=1 cargo test -p zhisuan-proto"
    );
    let mut text = String::from(
        "# Every field, value and call of the wire contract. Lines are only ever added.\n",
    );
    for (subject, what) in &now {
        writeln!(text, "{subject} = {what}").unwrap();
    }
    std::fs::write(&path, text).unwrap();
}

fn contract() -> Contract {
    let set = FileDescriptorSet::decode(zhisuan_proto::FILE_DESCRIPTOR_SET).unwrap();
    let mut lines = Contract::new();
    for file in &set.file {
        let package = file.package();
        for message in &file.message_type {
            add_message(&mut lines, package, message);
        }
        for kinds in &file.enum_type {
            add_enum(&mut lines, package, kinds);
        }
        for service in &file.service {
            add_service(&mut lines, package, service);
        }
    }
    assert!(lines.len() > 100, "the descriptor holds next to nothing");
    lines
}

fn add_message(lines: &mut Contract, scope: &str, message: &DescriptorProto) {
    let name = format!("{scope}.{}", message.name());
    for field in &message.field {
        let subject = format!("{name} #{:03}", field.number());
        let twice = lines.insert(subject, describe(field, message));
        assert!(twice.is_none(), "{name} #{} is given twice", field.number());
    }
    for nested in &message.nested_type {
        add_message(lines, &name, nested);
    }
    for kinds in &message.enum_type {
        add_enum(lines, &name, kinds);
    }
}

fn describe(field: &FieldDescriptorProto, message: &DescriptorProto) -> String {
    let repeated = if field.label() == Label::Repeated {
        "repeated "
    } else {
        ""
    };
    let kind = match field.r#type() {
        Type::Message | Type::Enum => field.type_name().trim_start_matches('.').to_owned(),
        plain => plain
            .as_str_name()
            .trim_start_matches("TYPE_")
            .to_lowercase(),
    };
    let group = field
        .oneof_index
        .and_then(|index| message.oneof_decl.get(index as usize))
        .map(|group| format!(" in {}", group.name()))
        .unwrap_or_default();
    format!("{} {repeated}{kind}{group}", field.name())
}

fn add_enum(lines: &mut Contract, scope: &str, kinds: &EnumDescriptorProto) {
    for value in &kinds.value {
        let subject = format!("{scope}.{} value {:03}", kinds.name(), value.number());
        lines.insert(subject, value.name().to_owned());
    }
}

fn add_service(lines: &mut Contract, package: &str, service: &ServiceDescriptorProto) {
    for call in &service.method {
        let subject = format!("{package}.{}/{}", service.name(), call.name());
        let stream = |on: bool| if on { "stream " } else { "" };
        let input = call.input_type().trim_start_matches('.');
        let output = call.output_type().trim_start_matches('.');
        let (up, down) = (
            stream(call.client_streaming()),
            stream(call.server_streaming()),
        );
        lines.insert(subject, format!("{up}{input} -> {down}{output}"));
    }
}
