//! Where the program keeps its data in a test: each place is a new one, and is gone with the test.

/// Something that `--store` can name.
#[derive(Debug)]
pub(crate) struct Place {
    /// What `--store` calls it.
    pub(crate) url: String,
}

/// Every store that can be had here.
pub(crate) fn stores() -> Vec<Place> {
    vec![memory()]
}

pub(crate) fn memory() -> Place {
    Place { url: "memory".to_owned() }
}
