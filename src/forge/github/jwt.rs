//! The proof with which an App names itself: a JSON Web Token (RFC 7519), signed with RS256 by the
//! App's key. It lives ten minutes at most and buys nothing but tokens of installations.

use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};

use crate::domain::time::Timestamp;

/// A clock may be ahead of the forge's by this much.
const BEFORE_S: u64 = 60;
/// GitHub takes at most ten minutes.
const AFTER_S: u64 = 540;

/// Signs a token for `app_id` at `now`.
///
/// # Errors
/// A sentence that says what is wrong with the key, without a byte of it.
pub(super) fn sign(
    app_id: &str,
    key: &SecretString,
    now: Timestamp,
) -> Result<SecretString, String> {
    let text = key.expose_secret();
    // Where a variable cannot hold several lines, their ends are written as `\n`.
    let whole = (!text.contains('\n')).then(|| text.replace("\\n", "\n"));
    let pem = whole.as_deref().unwrap_or(text);
    let der = PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| "is no private key in PEM form".to_owned())?;
    let key = rustls::crypto::ring::sign::any_supported_type(&der)
        .map_err(|_| "cannot be used: it is damaged, or not an RSA key".to_owned())?;
    let signer = key
        .choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256])
        .ok_or_else(|| "is not an RSA key".to_owned())?;
    let now_s = now.0 / 1000;
    let claims = format!(
        r#"{{"iat":{},"exp":{},"iss":{}}}"#,
        now_s.saturating_sub(BEFORE_S),
        now_s.saturating_add(AFTER_S),
        serde_json::Value::from(app_id)
    );
    let head = base64url(br#"{"alg":"RS256","typ":"JWT"}"#);
    let signed = format!("{head}.{}", base64url(claims.as_bytes()));
    let signature = signer
        .sign(signed.as_bytes())
        .map_err(|_| "does not sign".to_owned())?;
    Ok(format!("{signed}.{}", base64url(&signature)).into())
}

/// Base64 with the letters for addresses and without padding (RFC 4648 §5).
fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..=chunk.len() {
            let letter = bits >> (18 - 6 * place) & 63;
            out.push(char::from(LETTERS[letter as usize]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::{base64url, sign};
    use crate::domain::time::Timestamp;

    #[test]
    fn the_letters_are_those_of_rfc_4648() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64url(plain.as_bytes()), coded);
        }
        assert_eq!(base64url(&[0xfb, 0xff, 0xfe]), "-__-");
    }

    /// The signature is what `openssl dgst -sha256 -sign` made of the same words with that key.
    #[test]
    fn a_proof_is_the_one_that_another_program_makes() {
        let in_one_line = include_str!("../../../tests/support/app_key.pem").replace('\n', "\\n");
        for key in [
            in_one_line.as_str(),
            include_str!("../../../tests/support/app_key.pem"),
            include_str!("../../../tests/support/app_key_pkcs8.pem"),
        ] {
            let proof = sign("12", &key.to_owned().into(), Timestamp(1_795_248_000_999)).unwrap();
            insta::allow_duplicates!(
                insta::assert_snapshot!(proof.expose_secret(), @"eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3OTUyNDc5NDAsImV4cCI6MTc5NTI0ODU0MCwiaXNzIjoiMTIifQ.O7nMoZSXhpzBAHsjG_k89fUHesxW1SnnHkODFR7MaQZd7i10D1y7wmi4ZW3EK5zifgxNK2YKdZBnN4_ZgASpFMdTxH9xxgcpiUaeMiWdmQpAkGvinZl1glqlL4Ajv7UG64Qhgr7KmK1OhkDXwBYOqOepr2FWJJO6S61Bv82xISyY42_OoD4NRWr0ARnWM8e-dkcmqngjJH4z0fg-kghSG3gEDzl2eXX6ygq5onW5Nb_8uDgJGRPppAcZm1fRa7Klx4lGleN4M9AdQ_44371kHhjv_2guFSj1Sb5OXWf78pSJEz0x5MqCvw0TYO97AgBQZyUQ5DcPtQIzDc1sogsWjg")
            );
        }
    }

    #[test]
    fn what_is_no_key_is_said_without_repeating_it() {
        let said = |key: &str| sign("1", &key.to_owned().into(), Timestamp(0)).unwrap_err();
        insta::assert_snapshot!(said(""), @"is no private key in PEM form");
        insta::assert_snapshot!(said("hunter2"), @"is no private key in PEM form");
        let damaged =
            "-----BEGIN RSA PRIVATE KEY-----\naHVudGVyMg==\n-----END RSA PRIVATE KEY-----\n";
        insta::assert_snapshot!(said(damaged), @"cannot be used: it is damaged, or not an RSA key");
    }
}
