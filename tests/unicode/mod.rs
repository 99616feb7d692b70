//! Text folding written again from `CaseFolding.txt`, character by character, to compare the crate's fold with.

use std::{collections::HashMap, sync::LazyLock};

use unicode_normalization::UnicodeNormalization;

/// The mappings of status C and S.
static MAPPINGS: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let char = |code: &str| char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap();
    let lines = include_str!("CaseFolding.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let fields = lines.map(|line| line.split("; ").collect::<Vec<_>>());
    fields.filter(|fields| ["C", "S"].contains(&fields[1])).map(|fields| (char(fields[0]), char(fields[2]))).collect()
});

/// Form C of the simple folds of the characters of Form C.
pub(crate) fn folded(text: &str) -> String {
    text.nfc().map(|char| MAPPINGS.get(&char).copied().unwrap_or(char)).nfc().collect()
}
