//! The canonical text of a filter: one space between words, operators in lower case, the fewest parentheses.

use std::fmt;

use super::{Expression, Filter, Literal, Operand, Operands, literal::write_json};

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.expression())
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({self})")
    }
}

impl fmt::Display for Operand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.expression())
    }
}

impl fmt::Display for Expression<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::And(operands) => write_joined(f, operands, " and "),
            Self::Or(operands) => write_joined(f, operands, " or "),
            Self::Not(operand) => write!(f, "not ({operand})"),
            Self::Compare { path, operator, value } => write!(f, "{path} {operator} {value}"),
            Self::Present { path } => write!(f, "{path} pr"),
            Self::ValuePath { path, condition } => write!(f, "{path}[{condition}]"),
        }
    }
}

fn write_joined(f: &mut fmt::Formatter<'_>, operands: Operands<'_>, join: &str) -> fmt::Result {
    for (index, operand) in operands.into_iter().enumerate() {
        if index > 0 {
            f.write_str(join)?;
        }
        // An `or` is never an operand of an `or`, so this `or` is an operand of an `and` and needs parentheses.
        match operand {
            Expression::Or(_) => write!(f, "({operand})")?,
            _ => write!(f, "{operand}")?,
        }
    }
    Ok(())
}

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(true) => f.write_str("true"),
            Self::Boolean(false) => f.write_str("false"),
            Self::Number(text) => f.write_str(text),
            Self::String(text) => write_json(f, text),
        }
    }
}
