//! Which store a command means, and the commands about stores.

use clap::Args;
use mintaka_backends::{Info, Options};

use crate::process::runtime;
use crate::settings;

/// Which store.
#[derive(Args, Debug)]
pub struct Which {
    /// URL of the store, such as `sqlite:path/to/file.db`; also MINTAKA_STORAGE. The default is a file in MINTAKA_HOME.
    #[arg(long, value_name = "URL")]
    pub storage: Option<String>,
    /// Also reads all of the store and says whether it is whole.
    #[arg(long)]
    pub check: bool,
}

/// The URL of the store that is meant, and how it is opened.
pub fn location(given: Option<&str>) -> (String, Options) {
    match given.map(str::to_owned).or_else(|| settings::first(settings::STORAGE).map(|(url, _)| url)) {
        Some(url) => (url, Options::default()),
        None => (format!("sqlite:{}", settings::home().join("mintaka.db").display()), Options { create_folder: true }),
    }
}

/// Says what a store is and holds.
///
/// # Errors
/// A text for people, also when the check finds that it is not whole.
pub fn info(which: &Which) -> Result<(), String> {
    let (url, _) = location(which.storage.as_deref());
    runtime()?.block_on(async {
        print(&mintaka_backends::info(&url).await.map_err(|e| e.to_string())?);
        if which.check {
            let faults = mintaka_backends::integrity_check(&url).await.map_err(|e| e.to_string())?;
            if !faults.is_empty() {
                return Err(format!("the store is damaged:\n  {}", faults.join("\n  ")));
            }
            println!("integrity  ok");
        }
        Ok(())
    })
}

/// Brings a store to the version of this binary.
///
/// # Errors
/// A text for people.
pub fn migrate(which: &Which) -> Result<(), String> {
    let (url, options) = location(which.storage.as_deref());
    runtime()?.block_on(async {
        print(&mintaka_backends::migrate(&url, &options).await.map_err(|e| e.to_string())?);
        Ok(())
    })
}

fn print(info: &Info) {
    println!("backend    {}", info.backend);
    if !info.location.is_empty() {
        println!("location   {}", info.location);
        println!("size       {} bytes", info.bytes);
        println!("schema     {} (this binary writes {})", info.schema_version, info.binary_schema_version);
        println!("needs      mintaka {} or newer (this is {})", info.min_binary, info.binary_version);
    }
    for (table, rows) in info.rows.iter().filter(|(_, rows)| *rows > 0) {
        println!("  {table:<28} {rows}");
    }
}
