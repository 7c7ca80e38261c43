//! Every input that fuzzing has kept, through the parser that it was kept for: `tests/fuzz`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[path = "../fuzz/parsers.rs"]
mod parsers;

/// A parser, and what it reads.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 10] = [
    ("cloudevents", parsers::cloudevents),
    ("mapped", parsers::mapped),
    ("mapping", parsers::mapping),
    ("native", parsers::native),
    ("playbook", parsers::playbook),
    ("segment", parsers::segment),
    ("source", parsers::source),
    ("told", parsers::told),
    ("verify", parsers::verify),
    ("zoom", parsers::zoom),
];

#[test]
fn every_input_that_fuzzing_has_kept_is_read_or_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    for (name, parser) in TARGETS {
        let files = fs::read_dir(folder.join("corpus").join(name)).expect("a corpus");
        let inputs: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
        assert!(!inputs.is_empty(), "{name} has no inputs");
        for input in inputs {
            parser(&fs::read(&input).expect("an input"));
        }
    }
    let names = |folder: &Path| -> BTreeSet<String> {
        let files = fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
        files.filter_map(|file| Some(file.file_stem()?.to_string_lossy().into_owned())).collect()
    };
    let targets = TARGETS.map(|(name, _)| name.to_owned()).into();
    assert_eq!(names(&folder.join("targets")), targets, "each target is run here, too");
}
