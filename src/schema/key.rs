//! The name of an attribute in JSON, which each answer repeats many times.

/// The bytes of one copy: more than most names need.
const CHUNK: usize = 32;

/// `"name":"`, the start of a member that is a text.
#[derive(Clone, Debug)]
pub(super) struct Key {
    /// The key, with zeros behind it: a copy of a fixed size needs no call and no branch for each length.
    chunks: Box<[[u8; CHUNK]]>,
    length: usize,
}

impl Key {
    pub(super) fn new(name: &str) -> Self {
        let key = format!("\"{name}\":\"");
        let chunk = |part: &[u8]| {
            let mut chunk = [0; CHUNK];
            for (place, byte) in chunk.iter_mut().zip(part) {
                *place = *byte;
            }
            chunk
        };
        Self { chunks: key.as_bytes().chunks(CHUNK).map(chunk).collect(), length: key.len() }
    }

    /// Adds `"name":"` to the end of `out`.
    #[inline]
    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        let end = out.len() + self.length;
        for chunk in &self.chunks {
            out.extend_from_slice(chunk);
        }
        out.truncate(end);
    }

    /// Adds `"name":` to the end of `out`.
    #[inline]
    pub(super) fn append_name_to(&self, out: &mut Vec<u8>) {
        self.append_to(out);
        out.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of which the key fills a chunk, nearly fills it, and begins the next one.
    #[test]
    fn a_key_of_each_length_is_written_whole() {
        for length in 0..100 {
            let name = "abcdefghij".chars().cycle().take(length).collect::<String>();
            let mut out = b"{".to_vec();
            Key::new(&name).append_to(&mut out);
            assert_eq!(out, format!("{{\"{name}\":\"").into_bytes());
            Key::new(&name).append_name_to(&mut out);
            assert_eq!(out, format!("{{\"{name}\":\"\"{name}\":").into_bytes());
        }
    }
}
