//! Replays the corpus, so that a finding stays fixed without a fuzzer.

use std::{fs, path::Path};

use scim_core_fuzz::TARGETS;

#[test]
fn the_corpus_holds() {
    for (name, target) in TARGETS {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let files = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        let mut inputs = 0;
        for file in files {
            let path = file.expect("a file").path();
            let data = fs::read(&path).expect("a readable file");
            // A test shows its output only if it fails: the last line is the input that failed.
            println!("{}", path.display());
            target(&data);
            inputs += 1;
        }
        assert!(inputs > 0, "no inputs for {name}");
    }
}
