//! Random numbers that are the same on every machine, and text that is hard to handle.

/// Text that folds, sorts, escapes or contains other text in surprising ways.
pub const TEXTS: &[&str] = &[
    "",
    "a",
    "A",
    "b",
    "B",
    "ab",
    "AB",
    "aB",
    "ba",
    "abab",
    "zz",
    "%",
    "_",
    "a%b",
    "a_b",
    "%a%",
    "\\",
    "a\\",
    "\\%",
    "\\_",
    "\"",
    "a\"b",
    "'",
    "''",
    "a'b",
    "--",
    "; DROP TABLE resource;",
    "$1",
    "?1",
    "?",
    ":a",
    "@a",
    "$.a",
    "[0]",
    "{}",
    "null",
    "true",
    "FALSE",
    "5",
    "05",
    "1e3",
    "NaN",
    "ß",
    "ẞ",
    "ss",
    "SS",
    "straße",
    "STRASSE",
    "σ",
    "ς",
    "Σ",
    "ΟΔΟΣ",
    "οδος",
    "οδοσ",
    "ΓΙΩΡΓΟΣ",
    "γιωργος",
    "µ",
    "μ",
    "Μ",
    "i",
    "I",
    "İ",
    "ı",
    "i\u{307}",
    "I\u{307}",
    "\u{307}",
    "é",
    "É",
    "e\u{301}",
    "E\u{301}",
    "\u{301}",
    "josé",
    "JOSE\u{301}",
    "jose",
    "ǰ",
    "J\u{30c}",
    "\u{30c}",
    "ṣ",
    "ſ\u{323}",
    "\u{323}",
    "ᾳ",
    "ᾼ",
    "\u{345}",
    "가",
    "\u{1100}",
    "\u{1161}",
    "\u{212b}",
    "\u{212a}",
    "k",
    "K",
    "ſ",
    "s",
    "😀",
    "😀a",
    "a😀",
    "\u{1f468}\u{200d}\u{1f469}",
    "\u{7f}",
    "\u{1}",
    "\u{80}",
    "\u{2028}",
    "\t",
    "\n",
    "\r\n",
    " ",
    "  ",
    "a ",
    " a",
    "Ⱥ",
    "ⱥ",
    "ǅ",
    "ǆ",
    "Ǆ",
    "ﬁ",
    "\u{fffd}",
    "\u{ffff}",
    "\u{10ffff}",
    "\u{e000}",
    "\u{d7ff}",
    "á",
    "a\u{301}",
    "ä",
    "Ä",
    "z",
    "Z",
    "@",
    "a@b.c",
    "-",
    "\u{ad}",
    "\u{200b}",
    "中",
    "文",
];

/// Xorshift.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("below a bound")
    }

    /// Returns `true` once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    pub fn text(&mut self) -> String {
        if self.once_in(400) {
            // Longer than any page of any database.
            let piece = (*self.of(TEXTS)).repeat(3);
            return piece.repeat(20_000 / piece.len().max(1));
        }
        let pieces = self.below(3);
        (0..=pieces).map(|_| *self.of(TEXTS)).collect()
    }

    /// The text, a part of the text, or a similar text.
    pub fn like(&mut self, text: &str) -> String {
        let chars: Vec<char> = text.chars().collect();
        match self.below(8) {
            0 => text.to_uppercase(),
            1 => text.to_lowercase(),
            2 => chars[self.below(chars.len() + 1)..].iter().collect(),
            3 => chars[..self.below(chars.len() + 1)].iter().collect(),
            4 => {
                let from = self.below(chars.len() + 1);
                chars[from..].iter().take(self.below(4)).collect()
            }
            5 => format!("{text}{}", self.of(TEXTS)),
            _ => text.to_owned(),
        }
    }
}
