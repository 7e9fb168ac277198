//! Secrets at rest: what is confidential is sealed before it is stored, and opened only to answer who may see it.
//!
//! A sealed text is `v1.<key id>.<base64 of nonce, ciphertext and tag>`, XChaCha20-Poly1305 with a random nonce of 24
//! bytes. The id of the row that holds the text is authenticated with it, so a sealed text that is copied to another row
//! does not open there. The key id (a hash of the key) tells a wrong key from damage, and which of several keys fits.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The environment variable that holds the key: 32 bytes in base64 or as 64 hexadecimal digits.
///
/// Several may be given, separated by commas: the first seals, all open.
pub const KEY_VARIABLE: &str = "MINTAKA_ENCRYPTION_KEY";
/// The file below `MINTAKA_HOME` that holds the key when the environment has none.
pub const KEY_FILE: &str = "encryption.key";

const VERSION: &str = "v1";
const NONCE_BYTES: usize = 24;

/// A text that is no key; it says where the text stands.
#[derive(Debug, thiserror::Error)]
#[error("{0} must hold 32 bytes in base64 or 64 hexadecimal digits; `openssl rand -base64 32` makes one")]
pub struct MalformedKey(String);

/// Why a sealed text does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It was sealed with a key that this process does not have.
    #[error(
        "The encryption key of this server does not open this store's secrets: they were sealed with key {sealed_with}. \
         Set {KEY_VARIABLE} to that key, or restore the file {KEY_FILE} in the server's home folder; every server of one \
         store needs the same key."
    )]
    WrongKey {
        /// Id of the key that it was sealed with.
        sealed_with: String,
    },
    /// It was changed, or belongs to another row.
    #[error("a sealed value is damaged or was moved from another row")]
    Damaged,
}

struct Key {
    id: String,
    cipher: XChaCha20Poly1305,
}

impl Key {
    fn new(bytes: &[u8; 32]) -> Key {
        let mut hash = Sha256::new();
        hash.update(b"mintaka key id");
        hash.update(bytes);
        let id = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Key { id, cipher: XChaCha20Poly1305::new(bytes.into()) }
    }
}

/// Seals and opens texts. Never shows its keys.
pub struct Sealer {
    /// Seals, and opens.
    first: Key,
    /// Only open.
    others: Vec<Key>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys().map(|key| &key.id)).finish()
    }
}

impl Sealer {
    /// With one key.
    pub fn new(key: &[u8; 32]) -> Sealer {
        Sealer { first: Key::new(key), others: Vec::new() }
    }

    /// With a new random key that nobody else will ever have: for stores that do not outlive the process.
    pub fn ephemeral() -> Sealer {
        Sealer::new(&rand::random())
    }

    /// With the keys of a text, separated by commas; `source` names the text in errors.
    ///
    /// # Errors
    /// [`MalformedKey`]
    pub fn from_text(text: &str, source: &str) -> Result<Sealer, MalformedKey> {
        let mut keys = text.split(',').map(|one| {
            let bytes = decode(one.trim()).ok_or_else(|| MalformedKey(source.to_owned()))?;
            Ok(Key::new(&bytes))
        });
        let first = keys.next().unwrap_or_else(|| Err(MalformedKey(source.to_owned())))?;
        Ok(Sealer { first, others: keys.collect::<Result<_, _>>()? })
    }

    /// Seals a text for the row of this id.
    pub fn seal(&self, row: Uuid, plain: &str) -> String {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let key = &self.first;
        let payload = Payload { msg: plain.as_bytes(), aad: row.as_bytes() };
        // Encryption fails only for texts of 256 GiB and more.
        let sealed = key.cipher.encrypt(XNonce::from_slice(&nonce), payload).unwrap_or_default();
        let bytes: Vec<u8> = nonce.into_iter().chain(sealed).collect();
        format!("{VERSION}.{}.{}", key.id, STANDARD.encode(bytes))
    }

    /// Opens a text that was sealed for the row of this id.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn open(&self, row: Uuid, sealed: &str) -> Result<String, OpenError> {
        let mut parts = sealed.splitn(3, '.');
        let (Some(VERSION), Some(id), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(OpenError::Damaged);
        };
        let Some(key) = self.keys().find(|key| key.id == id) else {
            return Err(OpenError::WrongKey { sealed_with: id.to_owned() });
        };
        let bytes = STANDARD.decode(text).map_err(|_| OpenError::Damaged)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or(OpenError::Damaged)?;
        let payload = Payload { msg: sealed, aad: row.as_bytes() };
        let plain = key.cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| OpenError::Damaged)?;
        String::from_utf8(plain).map_err(|_| OpenError::Damaged)
    }

    /// The id of the key that a text was sealed with.
    pub fn key_id(sealed: &str) -> Option<&str> {
        sealed.split('.').nth(1)
    }

    /// Whether a sealed text should be sealed again, because a newer key is the first one by now.
    pub fn is_stale(&self, sealed: &str) -> bool {
        Sealer::key_id(sealed) != Some(self.first.id.as_str())
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

fn decode(text: &str) -> Option<[u8; 32]> {
    if text.len() == 64 && text.is_ascii() {
        let digits = (0..64).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok());
        return digits.collect::<Option<Vec<u8>>>()?.try_into().ok();
    }
    let padded = format!("{}{}", text, "=".repeat((4 - text.len() % 4) % 4));
    STANDARD.decode(&padded).or_else(|_| URL_SAFE.decode(&padded)).ok()?.try_into().ok()
}

/// A new random key as text, as [`Sealer::from_text`] reads it.
pub fn new_key() -> String {
    STANDARD.encode(rand::random::<[u8; 32]>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Uuid = Uuid::from_u128(7);

    #[test]
    fn what_is_sealed_opens_for_its_row_and_key_alone() {
        let sealer = Sealer::new(&[1; 32]);
        let sealed = sealer.seal(ROW, "hunter2 ü");
        assert!(!sealed.contains("hunter2"));
        assert_ne!(sealed, sealer.seal(ROW, "hunter2 ü"), "each sealing has a nonce of its own");
        assert_eq!(sealer.open(ROW, &sealed).as_deref(), Ok("hunter2 ü"));
        assert_eq!(sealer.open(Uuid::from_u128(8), &sealed), Err(OpenError::Damaged));
        let other = Sealer::new(&[2; 32]).open(ROW, &sealed).unwrap_err();
        assert!(matches!(&other, OpenError::WrongKey { .. }) && other.to_string().contains(KEY_VARIABLE), "{other}");
        for damaged in ["", "v1", "v2.a.b", &sealed[..sealed.len() - 4], &sealed.replace("v1.", "v0.")] {
            assert_eq!(sealer.open(ROW, damaged), Err(OpenError::Damaged), "{damaged}");
        }
    }

    #[test]
    fn keys_are_read_in_both_spellings_and_the_first_one_seals() {
        let hex = "01".repeat(32);
        let base64 = STANDARD.encode([1; 32]);
        let sealed = Sealer::new(&[1; 32]).seal(ROW, "x");
        for text in [hex.as_str(), &base64, base64.trim_end_matches('='), &format!(" {hex} \n")] {
            assert_eq!(Sealer::from_text(text, "test").unwrap().open(ROW, &sealed).as_deref(), Ok("x"), "{text}");
        }
        let rotated = Sealer::from_text(&format!("{},{hex}", "02".repeat(32)), "test").unwrap();
        assert_eq!(rotated.open(ROW, &sealed).as_deref(), Ok("x"));
        assert!(rotated.is_stale(&sealed));
        assert!(!rotated.is_stale(&rotated.seal(ROW, "x")));
        for text in ["", "abc", "zz", &hex[2..], &format!("{hex},")] {
            assert!(matches!(Sealer::from_text(text, "test"), Err(MalformedKey(_))), "{text}");
        }
    }
}
