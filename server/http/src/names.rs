//! Names that clients may choose.

use crate::{ApiError, Client};

/// Characters that no name may have: clients put names into paths, and refuse answers with such names.
const FORBIDDEN: [char; 5] = ['/', '%', '&', '>', '<'];

/// Checks that a name has no character that would keep clients from finding it.
///
/// # Errors
/// 422 for `member`.
pub fn check_characters(member: &str, name: &str) -> Result<(), ApiError> {
    if name.contains(FORBIDDEN) {
        return Err(ApiError::member(member, in_words(name)));
    }
    Ok(())
}

/// Checks the name of something whose name has a pattern in the documents of both lines. (wire W4.1: `^[^/%&><]+$`)
///
/// # Errors
/// 422 for a forbidden character, or an empty name on the 3.x line.
pub fn check_name(name: &str, client: &Client) -> Result<(), ApiError> {
    let forbidden = name.contains(FORBIDDEN);
    match client.is_v2() {
        true if forbidden => Err(ApiError::member("name", in_words(name))),
        false if forbidden || name.is_empty() => {
            Err(ApiError::member("name", "String should match pattern '^[^/%&><]+$'"))
        }
        _ => Ok(()),
    }
}

fn in_words(name: &str) -> String {
    format!("Name '{name}' contains an invalid character. Must not contain any of: ['/', '%', '&', '>', '<'].")
}
