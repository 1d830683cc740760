//! Chains that earlier programs wrote: they must verify for ever, and go on.

use std::fs;
use std::path::Path;

use serde_json::json;
use zhisuan_chain::{Files, Kind, ROTATE_BYTES, verify};

use crate::{ANSWERS, EVENTS, files};

/// Files of the knowledge service and of the gateway as they wrote them before both used this
/// crate: how many events, the first one's number, and the last one's hash.
const STORED: [(&str, Kind, u64, u64, &str); 2] = [
    (
        "answers",
        ANSWERS,
        22,
        1,
        "f72c1151cc4029dfbddf4affc679ebf02c7cc5e34913ce8bd321e3d7719ea7a9",
    ),
    (
        "events",
        EVENTS,
        8,
        2,
        "8d042c6571ee0363b13b3c42abe7fd602a98397e1a92ec8ee141e93a4585d311",
    ),
];

#[test]
fn what_was_stored_verifies_and_goes_on() {
    let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stored");
    for (name, kind, events, first, head) in STORED {
        let verified = verify(&stored.join(name), kind, None).unwrap();
        assert_eq!((verified.events, verified.first), (events, first), "{name}");
        assert_eq!(verified.head.hash, head, "{name}");
        let folder = tempfile::tempdir().unwrap();
        for path in files(&stored.join(name)) {
            fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
        let mut chain = Files::open(folder.path(), kind, ROTATE_BYTES).unwrap();
        let event = json!({"kind": "later"}).as_object().unwrap().clone();
        let links = chain.append(&[event]).unwrap();
        assert_eq!(links[0].seq, first + events, "{name}");
        drop(chain);
        let verified = verify(folder.path(), kind, None).unwrap();
        assert_eq!(verified.events, events + 1, "{name}");
        for path in files(folder.path()) {
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replacen("\"at_ms\":1", "\"at_ms\":2", 1)).unwrap();
            assert!(
                verify(folder.path(), kind, None).is_err(),
                "{}",
                path.display()
            );
            fs::write(&path, text).unwrap();
        }
    }
}
