//! The pages of the gateway as a browser gets them.

use super::server::shared;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// Status line, headers and body of one GET.
fn get(path: &str) -> String {
    let host = shared().text("gateway").trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).expect("the gateway");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
    )
    .expect("ask");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("UTF-8");
    answer
}

#[test]
fn the_questions_page_has_its_style_sheet() {
    let page = get("/qa");
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    let (_, rest) = page.split_once("href=\"/assets/style-").expect("a link");
    let (name, _) = rest.split_once('"').expect("the end of the link");
    let style = get(&format!("/assets/style-{name}"));
    assert!(style.starts_with("HTTP/1.1 200"), "{style}");
    assert!(style.contains("text/css"), "{style}");
}

#[test]
fn the_root_leads_to_the_questions() {
    let root = get("/");
    assert!(root.starts_with("HTTP/1.1 307"), "{root}");
    assert!(root.contains("location: /qa\r\n"), "{root}");
}
