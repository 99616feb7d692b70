//! A filter parser by hand: borrowed names and values, and one flat list of nodes. It checks little, and it has no
//! bound of depth.

use std::borrow::Cow;

/// A node. Operands precede their operator.
#[derive(Debug)]
pub(crate) enum Node<'a> {
    Compare { path: &'a str, operator: [u8; 2], value: Value<'a> },
    Present { path: &'a str },
    ValuePath { path: &'a str },
    Not,
    And,
    Or,
}

/// A literal.
#[derive(Debug)]
pub(crate) enum Value<'a> {
    Text(Cow<'a, str>),
    /// A number, `true`, `false` or `null`.
    Word(&'a str),
}

/// The nodes of a filter; `None` if it is wrong.
pub(crate) fn parse(text: &str) -> Option<Vec<Node<'_>>> {
    let mut parser = Parser { text, at: 0, nodes: Vec::with_capacity(4) };
    parser.or()?;
    (parser.at == text.len()).then_some(parser.nodes)
}

/// The paths, operators and literals of the expressions. A value path follows its condition.
pub(crate) fn terms(nodes: &[Node<'_>]) -> Vec<(String, String)> {
    let term = |node: &Node<'_>| match node {
        Node::Compare { path, operator, value } => {
            let literal = match value {
                Value::Text(text) => text,
                Value::Word(word) => *word,
            };
            Some(((*path).to_owned(), format!("{} {literal}", String::from_utf8_lossy(operator))))
        }
        Node::Present { path } => Some(((*path).to_owned(), "pr".to_owned())),
        Node::ValuePath { path } => Some(((*path).to_owned(), "[]".to_owned())),
        Node::Not | Node::And | Node::Or => None,
    };
    nodes.iter().filter_map(term).collect()
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    nodes: Vec<Node<'a>>,
}

impl<'a> Parser<'a> {
    fn or(&mut self) -> Option<()> {
        self.and()?;
        while self.keyword(b" or ") {
            self.and()?;
            self.nodes.push(Node::Or);
        }
        Some(())
    }

    fn and(&mut self) -> Option<()> {
        self.term()?;
        while self.keyword(b" and ") {
            self.term()?;
            self.nodes.push(Node::And);
        }
        Some(())
    }

    fn term(&mut self) -> Option<()> {
        if self.keyword(b"(") {
            self.or()?;
            return self.keyword(b")").then_some(());
        }
        if self.keyword(b"not (") {
            self.or()?;
            self.nodes.push(Node::Not);
            return self.keyword(b")").then_some(());
        }
        let path = self.path()?;
        if self.keyword(b"[") {
            self.or()?;
            self.nodes.push(Node::ValuePath { path });
            return self.keyword(b"]").then_some(());
        }
        let [b' ', first, second] = *self.rest().first_chunk::<3>()? else { return None };
        self.at += 3;
        let operator = [first, second].map(|byte| byte.to_ascii_lowercase());
        let node = match &operator {
            b"pr" => Node::Present { path },
            b"eq" | b"ne" | b"co" | b"sw" | b"ew" | b"gt" | b"ge" | b"lt" | b"le" => {
                Node::Compare { path, operator, value: self.value()? }
            }
            _ => return None,
        };
        self.nodes.push(node);
        Some(())
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Passes the text, in any case, if it is next.
    fn keyword(&mut self, text: &[u8]) -> bool {
        let found = self.rest().get(..text.len()).is_some_and(|next| next.eq_ignore_ascii_case(text));
        if found {
            self.at += text.len();
        }
        found
    }

    fn path(&mut self) -> Option<&'a str> {
        let belongs = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'_' | b'-' | b'$');
        self.take(belongs).filter(|path| path.as_bytes().first().is_some_and(u8::is_ascii_alphabetic))
    }

    fn take(&mut self, belongs: impl Fn(u8) -> bool) -> Option<&'a str> {
        let rest = self.rest();
        let length = rest.iter().position(|byte| !belongs(*byte)).unwrap_or(rest.len());
        let taken = self.text.get(self.at..self.at + length)?;
        self.at += length;
        Some(taken)
    }

    fn value(&mut self) -> Option<Value<'a>> {
        if !self.keyword(b" ") {
            return None;
        }
        if !self.keyword(b"\"") {
            let word = self.take(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-'))?;
            return Some(Value::Word(word));
        }
        let mut escaped = false;
        let mut length = 0;
        for byte in self.rest() {
            match byte {
                b'"' => break,
                b'\\' => return self.escaped_text(),
                _ => length += 1,
            }
            escaped |= byte.is_ascii_control();
        }
        let text = self.text.get(self.at..self.at + length).filter(|_| !escaped)?;
        self.at += length;
        self.keyword(b"\"").then_some(Value::Text(Cow::Borrowed(text)))
    }

    /// Decodes a string with escapes, whose opening quotation mark has been read.
    fn escaped_text(&mut self) -> Option<Value<'a>> {
        let quoted = self.text.get(self.at - 1..)?;
        let mut texts = serde_json::Deserializer::from_str(quoted).into_iter::<String>();
        let text = texts.next()?.ok()?;
        self.at += texts.byte_offset() - 1;
        Some(Value::Text(Cow::Owned(text)))
    }
}
