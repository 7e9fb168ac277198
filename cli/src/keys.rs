//! The encryption key: where it is found, and when a new one is made.
//!
//! A store whose secrets were sealed with a key that is lost stays as it is: the start is refused, and no key is made that
//! would seal new secrets beside those that nobody can open.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use mintaka_orchestration::secrets::{KEY_FILE, KEY_VARIABLE, Sealer, new_key};

use crate::settings;

/// The key of the environment, else of the file in this folder; `None` if there is neither.
///
/// # Errors
/// A text for people: what is there is no key, or cannot be read.
pub fn find(home: &Path) -> Result<Option<Sealer>, String> {
    if let Some((text, _)) = settings::first(&[KEY_VARIABLE]) {
        return Sealer::from_text(&text, KEY_VARIABLE).map(Some).map_err(|e| e.to_string());
    }
    let path = file(home);
    match fs::read_to_string(&path) {
        Ok(text) => {
            warn_of_readers(&path);
            Sealer::from_text(&text, &path.display().to_string()).map(Some).map_err(|e| e.to_string())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(&path, &error)),
    }
}

/// Makes a key file, readable by its owner alone, unless another process was faster; and reads it.
///
/// # Errors
/// A text for people: the file cannot be written or read.
pub fn make(home: &Path) -> Result<Sealer, String> {
    let path = file(home);
    write_new(home, &path).map_err(|error| unusable(&path, &error))?;
    tracing::info!(file = %path.display(), "made a key to seal secrets with; keep a copy of it where the store's backups are");
    find(home)?.ok_or_else(|| format!("the key file {} disappears while it is made", path.display()))
}

/// Where the key of a store that has secrets was looked for, and what to do.
pub fn lost(home: &Path, sealed_with: &str) -> String {
    format!(
        "this store holds secrets that were sealed with key {sealed_with}, and there is no key: {KEY_VARIABLE} is not set, \
         and there is no file {}. Set the variable to that key, or put the file back. If the key is lost for good, so are \
         the secrets: delete the block documents that hold them with a server that has another key in {KEY_VARIABLE} \
         and MINTAKA_IGNORE_LOST_KEY=true",
        file(home).display()
    )
}

fn file(home: &Path) -> PathBuf {
    home.join(KEY_FILE)
}

fn unusable(path: &Path, error: &io::Error) -> String {
    format!("cannot use the key file {}: {error}; set {KEY_VARIABLE}, or make it a file of yours", path.display())
}

/// Writes a new key beside its place and links it there, so that of several processes that start at once one wins, and
/// nobody reads half a key.
fn write_new(home: &Path, path: &Path) -> io::Result<()> {
    fs::create_dir_all(home)?;
    let draft = home.join(format!(".{KEY_FILE}.{}", uuid::Uuid::now_v7()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut draft_file = options.open(&draft)?;
    let linked = writeln!(draft_file, "{}", new_key())
        .and_then(|()| draft_file.sync_all())
        .and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        // Its name must survive a loss of power too: without the key the secrets are gone.
        _ => fs::File::open(home).and_then(|folder| folder.sync_all()),
    }
}

#[cfg(unix)]
fn warn_of_readers(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let open = fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0);
    if open {
        tracing::warn!(file = %path.display(), "others can read the encryption key; `chmod 600` it");
    }
}

#[cfg(not(unix))]
fn warn_of_readers(_: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_file_is_made_once_and_for_its_owner_only() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().join("new");
        assert!(find(&home).unwrap().is_none(), "looking makes nothing");
        let row = uuid::Uuid::from_u128(7);
        let sealed = make(&home).unwrap().seal(row, "x");
        assert_eq!(make(&home).unwrap().open(row, &sealed).as_deref(), Ok("x"));
        assert_eq!(find(&home).unwrap().unwrap().open(row, &sealed).as_deref(), Ok("x"));
        assert_eq!(fs::read_dir(&home).unwrap().count(), 1, "no draft is left");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(home.join(KEY_FILE)).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_is_no_key_is_refused_by_its_place() {
        for content in ["", "abc", "\u{fffd}"] {
            let home = tempfile::tempdir().unwrap();
            fs::write(home.path().join(KEY_FILE), content).unwrap();
            let refused = find(home.path()).unwrap_err();
            assert!(refused.contains(KEY_FILE) && refused.contains("32 bytes"), "{refused}");
        }
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(KEY_FILE)).unwrap();
        let refused = find(home.path()).unwrap_err();
        assert!(refused.contains("cannot use the key file"), "{refused}");
    }
}
