//! Names that clients may choose, and other rules that members of several bodies share.

use mintaka_http::{ApiError, Client, check_name};
use poem::http::StatusCode;
use poem_openapi::types::MaybeUndefined;

/// Checks the name of a new work pool.
///
/// # Errors
/// As [`check_name`]; also for a name of quotes and blanks alone, and 403 for a reserved one.
pub(crate) fn check_pool_name(name: &str, client: &Client) -> Result<(), ApiError> {
    if name.trim_matches(|c: char| c.is_whitespace() || "'\"".contains(c)).is_empty() {
        return Err(match client.is_v2() {
            true => ApiError::detail(StatusCode::BAD_REQUEST, "Work pool name cannot be empty."),
            false => ApiError::member("name", "Value error, name cannot be an empty string"),
        });
    }
    check_name(name, client)?;
    if is_reserved(name) {
        let text = "Work pools starting with 'Prefect' are reserved for internal use.";
        return Err(ApiError::detail(StatusCode::FORBIDDEN, text));
    }
    Ok(())
}

/// Whether a work pool of that name belongs to the system.
pub(crate) fn is_reserved(name: &str) -> bool {
    name.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("prefect"))
}

/// Checks that a number is at least `least`.
///
/// # Errors
/// 422
pub(crate) fn at_least(member: &str, least: i64, value: Option<i64>) -> Result<(), ApiError> {
    match value {
        Some(value) if value < least => {
            let text = match least {
                0 => "Input should be greater than or equal to 0".to_owned(),
                least => format!("Input should be greater than {}", least - 1),
            };
            Err(ApiError::member(member, text))
        }
        _ => Ok(()),
    }
}

/// A member that may be null, as an edit: `None` if it was not sent.
pub(crate) fn sent<T: Clone>(member: &MaybeUndefined<T>) -> Option<Option<T>> {
    match member {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value.clone())),
    }
}

/// 404 for a pool that does not exist.
pub(crate) fn no_pool(name: &str) -> ApiError {
    ApiError::detail(StatusCode::NOT_FOUND, format!("Work pool \"{name}\" not found."))
}
