//! How large a part of a request may be.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{ApiError, Client, Ctx};

/// Checks the size of parameters of runs and deployments. Clients of the 2.x line know no such limit.
///
/// # Errors
/// 422 with the stock server's text (wire W2.11).
pub fn check_parameters(ctx: &Ctx, client: &Client, parameters: &Map<String, Value>) -> Result<(), ApiError> {
    let max = ctx.settings.max_parameter_size;
    if max == 0 || client.is_v2() {
        return Ok(());
    }
    let size = ascii_size(parameters);
    if size <= max {
        return Ok(());
    }
    let msg = format!(
        "Value error, Flow run parameters must be less than {} bytes when serialized (got {} bytes).",
        grouped(max),
        grouped(size)
    );
    Err(ApiError::member("parameters", msg))
}

/// Bytes of a value as JSON without spaces in which all but ASCII is escaped.
fn ascii_size(value: &impl Serialize) -> u64 {
    let bytes = |c: char| match c as u32 {
        0..=0x7f => 1,
        0x80..=0xffff => 6,
        _ => 12,
    };
    // Serialising JSON cannot fail.
    serde_json::to_string(value).unwrap_or_default().chars().map(bytes).sum()
}

/// A number with a comma before every third digit.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sizes_are_those_of_escaped_text() {
        for (value, size) in [(json!({"a": [1, 2]}), 11), (json!("é"), 8), (json!("🪵"), 14)] {
            assert_eq!(ascii_size(&value), size, "{value}");
        }
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (524_288, "524,288"), (1_000_010, "1,000,010")]
        {
            assert_eq!(grouped(number), text);
        }
    }
}
