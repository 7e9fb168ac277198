//! The HTTP layer of the API: bodies in and out, errors, redirects, compression, calls from web pages, and the accept loop. Each is written
//! once, here; resources only say what they do.

mod arrival;
mod aside;
mod authority;
mod body;
mod connection;
mod context;
mod cors;
mod departure;
mod echo;
mod error;
mod files;
mod gate;
mod input;
mod json;
mod layer;
mod names;
mod output;
mod paging;
mod problem;
mod room;
mod seldom;
mod serve;
mod sizes;
mod sort;
mod view;
mod wire;

pub use context::{Client, Ctx, Settings};
pub use error::ApiError;
pub use input::{Exact, Input};
pub use layer::{Layer, PREFIX};
pub use names::{check_characters, check_name};
pub use output::{Bytes, Created, NoContent, Out, Raw};
pub use paging::{Page, PageNumber, Paginated, list, number_of, read, refuse_past};
pub use problem::Problem;
pub use serve::{Limits, Server};
pub use sizes::check_parameters;
pub use view::{Extra, NoExtra, View};
pub use wire::{Choice, Duration, Nullable, When, text_unless_absent};

#[doc(hidden)]
pub use {echo::shown_text, poem_openapi};
