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
///
/// # Errors
/// A text for people, when the settings of a database do not make a URL.
pub fn location(given: Option<&str>) -> Result<(String, Options), String> {
    let set = || settings::first(settings::STORAGE).map(|(url, _)| url);
    if let Some(url) = given.map(str::to_owned).or_else(set) {
        return Ok((url, Options::default()));
    }
    if let Some(url) =
        of_parts(|part| settings::first(&[&format!("PREFECT_SERVER_DATABASE_{part}")]).map(|(value, _)| value))?
    {
        return Ok((url, Options::default()));
    }
    Ok((format!("sqlite:{}", settings::home().join("mintaka.db").display()), Options { create_folder: true }))
}

/// The URL that a stock server would make of the parts of its database's settings; `None` if none is set.
fn of_parts(part: impl Fn(&str) -> Option<String>) -> Result<Option<String>, String> {
    let names = ["DRIVER", "HOST", "PORT", "USER", "NAME", "PASSWORD"];
    let set: Vec<&str> = names.into_iter().filter(|name| part(name).is_some()).collect();
    if set.is_empty() {
        return Ok(None);
    }
    let needed = |name: &str| {
        let missing = || {
            let set: Vec<String> = set.iter().map(|name| format!("PREFECT_SERVER_DATABASE_{name}")).collect();
            format!(
                "{} say where the database is, but PREFECT_SERVER_DATABASE_{name} is missing; set it, or set \
                 MINTAKA_STORAGE to a URL",
                set.join(", ")
            )
        };
        part(name).ok_or_else(missing)
    };
    let driver = needed("DRIVER")?;
    if driver.starts_with("sqlite") {
        return Ok(Some(format!("{driver}:///{}", needed("NAME")?)));
    }
    let (user, password) = (escaped(&needed("USER")?), escaped(&needed("PASSWORD")?));
    let (host, name) = (needed("HOST")?, escaped(&needed("NAME")?));
    let port = part("PORT").unwrap_or_else(|| "5432".into());
    Ok(Some(format!("{driver}://{user}:{password}@{host}:{port}/{name}")))
}

/// A text as a part of a URL.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Says what a store is and holds.
///
/// # Errors
/// A text for people, also when the check finds that it is not whole.
pub fn info(which: &Which) -> Result<(), String> {
    let (url, _) = location(which.storage.as_deref())?;
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
    let (url, options) = location(which.storage.as_deref())?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn made(parts: &[(&str, &str)]) -> Result<Option<String>, String> {
        of_parts(|name| parts.iter().find(|(part, _)| *part == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_parts_of_a_database_make_its_url() {
        let all = [
            ("DRIVER", "postgresql+asyncpg"),
            ("HOST", "db"),
            ("USER", "me"),
            ("NAME", "prefect"),
            ("PASSWORD", "p@:/"),
        ];
        assert_eq!(made(&all), Ok(Some("postgresql+asyncpg://me:p%40%3A%2F@db:5432/prefect".into())));
        assert_eq!(
            made(&[("DRIVER", "sqlite+aiosqlite"), ("NAME", "a.db")]),
            Ok(Some("sqlite+aiosqlite:///a.db".into()))
        );
        assert_eq!(made(&[]), Ok(None));
        let error = made(&all[1..]).unwrap_err();
        assert!(error.contains("DATABASE_DRIVER is missing") && !error.contains("p@:/"), "{error}");
    }
}
