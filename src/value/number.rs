//! Decimal numbers, compared by value and kept as text, so that no digit is lost.

use std::{cmp::Ordering, fmt};

/// A JSON number (RFC 7643 §2.3.3). Two numbers are equal when they have the same value, in any spelling.
///
/// ```
/// use scim_core::value::Decimal;
///
/// let price = Decimal::parse("10.50").expect("a number");
/// assert_eq!(price, Decimal::parse("1.05e1").expect("a number"));
/// assert_eq!(price.to_string(), "10.50");
/// assert!(Decimal::parse("-3").expect("a number") < price);
/// assert_eq!(Decimal::parse("1."), None);
/// ```
#[derive(Clone)]
pub struct Decimal(Box<str>);

/// The number `0.d1d2d3… × 10^exponent`. The digits have no leading or trailing zero; the number zero has no digits.
struct Parts<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

impl Decimal {
    /// Reads a number in JSON's grammar (RFC 8259 §6); `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = match number.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (number, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let grammar = digits(whole)
            && (whole.len() == 1 || !whole.starts_with('0'))
            && fraction.is_none_or(digits)
            && exponent.is_none_or(|text| digits(text.strip_prefix(['+', '-']).unwrap_or(text)));
        grammar.then(|| Self(text.into()))
    }

    /// The number as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The canonical text of the number: equal numbers have equal texts.
    pub(crate) fn canonical(&self) -> String {
        let parts = self.parts();
        if parts.is_zero() {
            return String::from("0");
        }
        let mut text = String::from(if parts.negative { "-0." } else { "0." });
        text.extend(parts.digits().map(|digit| char::from(*digit)));
        text.push('e');
        text.push_str(&parts.exponent.to_string());
        text
    }

    /// A text whose order by code point is the order of the numbers: equal numbers have equal texts.
    #[cfg(feature = "sql")]
    pub(crate) fn sortable(&self) -> String {
        let parts = self.parts();
        if parts.is_zero() {
            return String::from("1");
        }
        // The sign bit is flipped, so that negative exponents sort first. Negative numbers have everything inverted.
        let exponent = parts.exponent.cast_unsigned() ^ (1 << 63);
        if parts.negative {
            let mut text = format!("0{:016x}", !exponent);
            text.extend(parts.digits().map(|digit| char::from(b'0' + b'9'.saturating_sub(*digit))));
            // Among negative numbers, fewer digits mean a greater number: the end must sort after every digit.
            text.push('~');
            return text;
        }
        let mut text = format!("2{exponent:016x}");
        text.extend(parts.digits().map(|digit| char::from(*digit)));
        text
    }

    fn parts(&self) -> Parts<'_> {
        let number = self.0.strip_prefix('-').unwrap_or(&self.0);
        let (mantissa, written) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        // An exponent beyond 64 bits saturates: such numbers lie beyond all others.
        let saturated = if written.starts_with('-') { i64::MIN / 4 } else { i64::MAX / 4 };
        let written = written.parse::<i64>().unwrap_or(saturated).clamp(i64::MIN / 4, i64::MAX / 4);
        let mut whole = whole.as_bytes();
        let mut fraction = fraction.as_bytes();
        while let [b'0', rest @ ..] = whole {
            whole = rest;
        }
        while let [rest @ .., b'0'] = fraction {
            fraction = rest;
        }
        let length = |digits: &[u8]| i64::try_from(digits.len()).unwrap_or(i64::MAX / 4);
        let mut exponent = written.saturating_add(length(whole));
        if whole.is_empty() {
            while let [b'0', rest @ ..] = fraction {
                fraction = rest;
                exponent = exponent.saturating_sub(1);
            }
        }
        if fraction.is_empty() {
            while let [rest @ .., b'0'] = whole {
                whole = rest;
            }
        }
        Parts { negative: self.0.starts_with('-'), whole, fraction, exponent }
    }
}

impl Parts<'_> {
    fn is_zero(&self) -> bool {
        self.whole.is_empty() && self.fraction.is_empty()
    }

    fn digits(&self) -> impl Iterator<Item = &u8> {
        self.whole.iter().chain(self.fraction)
    }
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self(number.to_string().into())
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let (left, right) = (self.parts(), other.parts());
        let sign = |parts: &Parts<'_>| match (parts.is_zero(), parts.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let by_sign = sign(&left).cmp(&sign(&right));
        if by_sign.is_ne() || left.is_zero() {
            return by_sign;
        }
        let magnitude = left.exponent.cmp(&right.exponent).then_with(|| left.digits().cmp(right.digits()));
        if left.negative { magnitude.reverse() } else { magnitude }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Decimal {}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
