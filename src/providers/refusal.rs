//! What a provider's refusal means: status, headers and body → the kind of trouble. Pure.
//!
//! The texts that are matched are those of the providers' own answers; one that is not known is
//! sorted by its status alone.

use serde_json::Value;

use crate::domain::time::{DurationMs, Timestamp};
use crate::ports::model::ModelTrouble;
use crate::providers::trouble::{Trouble, quote};
use crate::providers::waits::{Headers, asked, header, in_words, spelled};

/// What an error body says, whatever its shape.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Said {
    message: String,
    /// All machine words of it (type, code, status, reason), in lower case, blank-separated.
    words: String,
    /// A number that stands for a status.
    status: Option<u16>,
    /// A wait in the body (Gemini's `RetryInfo`).
    wait: Option<DurationMs>,
}

/// The trouble of an answer whose status is no success.
pub(super) fn refusal(status: u16, headers: &Headers, body: &str, now: Timestamp) -> Trouble {
    let said = match serde_json::from_str::<Value>(body) {
        Ok(value) => read(&value),
        Err(_) => Said {
            message: body.to_owned(),
            ..Said::default()
        },
    };
    if (300..400).contains(&status) {
        return redirect(status, headers);
    }
    let mut trouble = sorted(status, &said);
    trouble.wait = asked(headers, now)
        .or(said.wait)
        .or_else(|| in_words(&said.message));
    if header(headers, "x-should-retry") == Some("false") {
        trouble.passes = false;
    }
    trouble
}

/// The trouble of an error that came inside an answer that had begun well.
pub(super) fn inside(value: &Value) -> Trouble {
    let said = read(value);
    let status = said.status.unwrap_or_else(|| status_of(&said.words));
    let mut trouble = sorted(status, &said);
    trouble.wait = said.wait.or_else(|| in_words(&said.message));
    trouble
}

/// A redirect would carry the key, and the prompt, to somebody else.
fn redirect(status: u16, headers: &Headers) -> Trouble {
    let to = header(headers, "location").unwrap_or("nowhere");
    let host = to.split(['?', '#']).next().unwrap_or(to);
    Trouble::new(
        ModelTrouble::Invalid,
        format!(
            "it answered {status} and wants the call to go to `{}`, which is not followed",
            quote(host.rsplit('@').next().unwrap_or(host))
        ),
    )
    .hint("set base_url of the provider to where the API is")
}

/// The status that goes with a provider's word for an error inside a stream.
fn status_of(words: &str) -> u16 {
    let has = |needle: &str| words.contains(needle);
    if has("overloaded") {
        529
    } else if has("rate_limit") || has("resource_exhausted") || has("too_many_requests") {
        429
    } else if has("authentication") || has("unauthenticated") || has("invalid_api_key") {
        401
    } else if has("permission") {
        403
    } else if has("insufficient_quota") || has("billing") {
        402
    } else if has("not_found") {
        404
    } else if has("invalid_request") || has("invalid_argument") || has("invalid_prompt") {
        400
    } else {
        500
    }
}

fn sorted(status: u16, said: &Said) -> Trouble {
    let lower = said.message.to_lowercase();
    let seen = match quote(&said.message) {
        text if text.is_empty() => format!("it answered {status}"),
        text => format!("it answered {status}: {text}"),
    };
    if too_long(status, &lower, &said.words) {
        return Trouble::new(ModelTrouble::ContextTooLong, seen);
    }
    if quota(status, &lower, &said.words) {
        return Trouble::new(ModelTrouble::Quota, seen)
            .hint("add credit or raise the limit at the provider");
    }
    if auth(status, &lower, &said.words) {
        return Trouble::new(ModelTrouble::Auth, seen);
    }
    match status {
        429 => Trouble::new(ModelTrouble::RateLimited, seen),
        408 | 409 | 425 | 500..=599 => Trouble::new(ModelTrouble::Overloaded, seen),
        404 => Trouble::new(ModelTrouble::Invalid, seen)
            .hint("check the model's name and the provider's base_url"),
        _ => Trouble::new(ModelTrouble::Invalid, seen),
    }
}

fn too_long(status: u16, lower: &str, words: &str) -> bool {
    const TEXTS: &[&str] = &[
        "prompt is too long",
        "maximum context length",
        "exceed context limit",
        "exceeds the maximum number of tokens",
        "maximum prompt length",
        "context window",
        "context size",
        "context length",
        "reduce the length of the messages",
    ];
    let code = [
        "context_length_exceeded",
        "exceed_context_size",
        "request_too_large",
    ];
    code.iter().any(|code| words.contains(code))
        || status == 413
        || (matches!(status, 400 | 422 | 500) && TEXTS.iter().any(|text| lower.contains(text)))
}

fn quota(status: u16, lower: &str, words: &str) -> bool {
    const TEXTS: &[&str] = &[
        "credit balance is too low",
        "exceeded your current quota, please check your plan and billing",
        "insufficient credits",
        "used all available credits",
        "billing hard limit",
        "monthly spending limit",
        "spend limit",
    ];
    if status == 402 || words.contains("insufficient_quota") || words.contains("billing") {
        return true;
    }
    // Gemini says "check your plan and billing" for limits of a minute as well; there the name of
    // the quota tells, and a limit of nought means that the plan has none.
    if words.contains("resource_exhausted") {
        return words.contains("perday") || lower.contains("limit: 0");
    }
    TEXTS.iter().any(|text| lower.contains(text))
}

fn auth(status: u16, lower: &str, words: &str) -> bool {
    let flagged = lower.contains("flagged") || lower.contains("moderation");
    let key = lower.contains("api key") || lower.contains("api_key");
    let refused = ["not valid", "invalid", "incorrect", "expired", "leaked"];
    status == 401
        || (status == 403 && !flagged)
        || words.contains("api_key_invalid")
        || (status == 400 && key && refused.iter().any(|text| lower.contains(text)))
}

/// Reads `{error: {…}}`, `{error: "…"}`, `[{error: …}]`, `{detail: …}`, `{message: …}` and FastAPI's
/// lists.
fn read(value: &Value) -> Said {
    let value = match value {
        Value::Array(list) => list.first().unwrap_or(&Value::Null),
        other => other,
    };
    let error = match value.get("error") {
        Some(error) if !error.is_null() => error,
        _ => value,
    };
    let mut said = Said::default();
    if let Some(text) = error.as_str() {
        text.clone_into(&mut said.message);
        // xAI: {"code": "…", "error": "…"}.
        word(&mut said, value.get("code"));
        return said;
    }
    let message = error.get("message").or_else(|| error.get("detail"));
    said.message = match message {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    for field in ["type", "code", "status"] {
        word(&mut said, error.get(field));
    }
    if let Some(raw) = error.pointer("/metadata/raw") {
        // OpenRouter: what the provider behind it said.
        let raw = raw.as_str().map_or_else(|| raw.to_string(), str::to_owned);
        said.message = format!("{}: {raw}", said.message);
    }
    for detail in error
        .get("details")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        word(&mut said, detail.get("reason"));
        let wait = detail.get("retryDelay").and_then(Value::as_str);
        said.wait = said.wait.or_else(|| wait.and_then(spelled));
        let violations = detail.get("violations").and_then(Value::as_array);
        for violation in violations.into_iter().flatten() {
            word(&mut said, violation.get("quotaId"));
        }
    }
    said
}

fn word(said: &mut Said, value: Option<&Value>) {
    match value {
        Some(Value::String(text)) => {
            if let Ok(status) = text.parse::<u16>() {
                said.status = Some(status).filter(|status| *status >= 400);
            }
            said.words.push_str(&text.to_lowercase());
            said.words.push(' ');
        }
        Some(Value::Number(number)) => {
            let status = number.as_u64().and_then(|n| u16::try_from(n).ok());
            said.status = status.filter(|status| (400..600).contains(status));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{inside, refusal};
    use crate::domain::time::{DurationMs, Timestamp};
    use crate::ports::model::ModelTrouble::{self, *};

    const NOW: Timestamp = Timestamp(1_795_248_000_000);

    fn class(status: u16, body: &str) -> ModelTrouble {
        refusal(status, &Vec::new(), body, NOW).class
    }

    const TABLE: &[(u16, &str, ModelTrouble)] = &[
        // Anthropic
        (
            401,
            r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#,
            Auth,
        ),
        (
            403,
            r#"{"type":"error","error":{"type":"permission_error","message":"Your API key does not have permission"}}"#,
            Auth,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#,
            Quota,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 207011 tokens > 200000 maximum"}}"#,
            ContextTooLong,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1: `tool_use` ids were found without `tool_result` blocks"}}"#,
            Invalid,
        ),
        (
            413,
            r#"{"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}"#,
            ContextTooLong,
        ),
        (
            429,
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your rate limit"}}"#,
            RateLimited,
        ),
        (
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            Overloaded,
        ),
        // OpenAI
        (
            429,
            r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
            Quota,
        ),
        (
            429,
            r#"{"error":{"message":"Rate limit reached for gpt-5","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#,
            RateLimited,
        ),
        (
            400,
            r#"{"error":{"message":"Your input exceeds the context window of this model.","type":"invalid_request_error","param":"input","code":"context_length_exceeded"}}"#,
            ContextTooLong,
        ),
        (
            401,
            r#"{"error":{"message":"Incorrect API key provided: sk-no***key.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
            Auth,
        ),
        (
            404,
            r#"{"error":{"message":"The model `gpt-9` does not exist","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
            Invalid,
        ),
        (
            500,
            r#"{"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}}"#,
            Overloaded,
        ),
        // Gemini
        (
            400,
            r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#,
            Auth,
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}"#,
            ContextTooLong,
        ),
        (
            429,
            r#"[{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel"}]},{"retryDelay":"34s"}]}}]"#,
            RateLimited,
        ),
        (
            429,
            r#"{"error":{"code":429,"message":"You exceeded your current quota","status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]}}"#,
            Quota,
        ),
        (
            503,
            r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#,
            Overloaded,
        ),
        // xAI, OpenRouter, Groq, Ollama, llama.cpp
        (
            400,
            r#"{"code":"Client specified an invalid argument","error":"Incorrect API key provided: xa***1."}"#,
            Auth,
        ),
        (
            402,
            r#"{"error":{"code":402,"message":"This request requires more credits"}}"#,
            Quota,
        ),
        (
            403,
            r#"{"error":{"code":403,"message":"Input was flagged","metadata":{"reasons":["violence"]}}}"#,
            Invalid,
        ),
        (
            502,
            r#"{"error":{"code":502,"message":"Provider returned error","metadata":{"raw":"upstream broke"}}}"#,
            Overloaded,
        ),
        (
            413,
            r#"{"error":{"message":"Request too large for model","type":"tokens","code":"rate_limit_exceeded"}}"#,
            ContextTooLong,
        ),
        (404, r#"{"error":"model 'x' not found"}"#, Invalid),
        (
            400,
            r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#,
            ContextTooLong,
        ),
        // No JSON at all
        (502, "<html>Bad Gateway</html>", Overloaded),
        (418, "", Invalid),
    ];

    #[test]
    fn the_classes_are_kept_apart_whatever_the_providers_shape_of_error() {
        for (status, body, wanted) in TABLE {
            assert_eq!(class(*status, body), *wanted, "{status} {body}");
        }
    }

    #[test]
    fn a_wait_in_the_body_counts_where_the_headers_are_silent() {
        let gemini = r#"{"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"34.5s"}]}}"#;
        let none = Vec::new();
        assert_eq!(
            refusal(429, &none, gemini, NOW).wait,
            Some(DurationMs(34_500))
        );
        let groq = r#"{"error":{"message":"Rate limit reached. Please try again in 2.5s."}}"#;
        assert_eq!(refusal(429, &none, groq, NOW).wait, Some(DurationMs(2500)));
        let header = vec![("retry-after".to_owned(), "7".to_owned())];
        assert_eq!(
            refusal(429, &header, groq, NOW).wait,
            Some(DurationMs(7000))
        );
    }

    #[test]
    fn a_redirect_is_refused_and_names_where_it_led() {
        let to = "https://user:pw@elsewhere.example/v1?key=1".to_owned();
        let trouble = refusal(307, &vec![("location".to_owned(), to)], "", NOW);
        assert_eq!(trouble.class, Invalid);
        assert!(
            trouble.message.contains("elsewhere.example/v1"),
            "{trouble:?}"
        );
        assert!(!trouble.message.contains("pw"), "{trouble:?}");
        assert!(!trouble.message.contains("key=1"), "{trouble:?}");
    }

    #[test]
    fn an_error_inside_a_stream_is_sorted_as_one_before_it() {
        for (body, wanted) in [
            (
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                Overloaded,
            ),
            (
                r#"{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}}"#,
                RateLimited,
            ),
            (
                r#"{"error":{"code":"server_error","message":"provider disconnected"}}"#,
                Overloaded,
            ),
            (
                r#"{"type":"error","code":"rate_limit_exceeded","message":"Rate limit reached"}"#,
                RateLimited,
            ),
            (
                r#"{"error":{"code":"context_length_exceeded","message":"too long"}}"#,
                ContextTooLong,
            ),
        ] {
            let value = serde_json::from_str(body).unwrap();
            assert_eq!(inside(&value).class, wanted, "{body}");
        }
    }
}
