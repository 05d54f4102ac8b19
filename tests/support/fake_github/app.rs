//! A GitHub App of the pretend GitHub: a proof is taken, a token sold.

use serde_json::{Value, json};

use super::http::Reply;
use super::model::Model;

/// The App, once it is installed.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeApp {
    /// Its id; none = there is no App.
    pub(crate) id: Option<String>,
    pub(crate) installed: bool,
    pub(crate) permissions: Vec<(String, String)>,
    /// Tokens that were sold, with the request for each.
    pub(crate) sales: Vec<(String, Value)>,
    /// When tokens end, RFC 3339.
    pub(crate) expires_at: String,
}

impl FakeApp {
    /// Whether a proof names this App. Its signature is checked where the key is known.
    pub(crate) fn takes_proof(&self, proof: &str) -> bool {
        let parts: Vec<&str> = proof.split('.').collect();
        let [_, claims, signature] = parts.as_slice() else {
            return false;
        };
        let claims: Value = serde_json::from_slice(&unbase64(claims)).unwrap_or_default();
        let times = claims["iat"].as_u64().zip(claims["exp"].as_u64());
        let short = times.is_some_and(|(from, to)| to > from && to - from <= 660);
        self.id.is_some()
            && claims["iss"].as_str() == self.id.as_deref()
            && short
            && signature.len() > 300
    }

    pub(crate) fn sold(&self, token: &str) -> bool {
        self.sales.iter().any(|(sold, _)| sold == token)
    }
}

fn unbase64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'-' => 62,
        _ => 63,
    };
    let mut out = Vec::new();
    for chunk in text.as_bytes().chunks(4) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, c| bits << 6 | u32::from(value(*c)));
        let bits = bits << (6 * (4 - chunk.len()));
        out.extend(&bits.to_be_bytes()[1..chunk.len()]);
    }
    out
}

pub(crate) fn answer(model: &mut Model, method: &str, path: &str, body: &Value) -> Option<Reply> {
    let of_repo = format!("/repos/{}/installation", model.repo);
    match (method, path) {
        ("GET", path) if path == of_repo || path == "/app/installations/7" => {
            Some(if model.app.installed {
                let permissions: serde_json::Map<String, Value> = model
                    .app
                    .permissions
                    .iter()
                    .map(|(name, level)| (name.clone(), json!(level)))
                    .collect();
                Reply::new(
                    200,
                    json!({ "id": 7, "permissions": permissions, "suspended_at": null }),
                )
            } else {
                Reply::refuse(404, "Not Found")
            })
        }
        ("POST", "/app/installations/7/access_tokens") => {
            let token = format!("ghs_SoldByThePretendGitHub{}", model.app.sales.len());
            model.app.sales.push((token.clone(), body.clone()));
            let expires_at = model.app.expires_at.clone();
            Some(Reply::new(
                201,
                json!({ "token": token, "expires_at": expires_at }),
            ))
        }
        (_, path) if path.starts_with("/app/") => Some(Reply::refuse(404, "Not Found")),
        _ => None,
    }
}
