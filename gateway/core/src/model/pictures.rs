//! Models that take no pictures. Few providers tell it beforehand; all tell it when one is asked, each in other words and with another
//! status.

use super::ErrorKind;

/// Words of which a provider uses one when it does not take a picture: OpenAI's, Anthropic's and `OpenRouter`'s, and those of llama.cpp,
/// vLLM, Ollama, Groq, `DeepSeek` and Mistral.
const WORDS: [&str; 6] = [
    "image",
    "picture",
    "vision",
    "multimodal",
    "multi-modal",
    "content must be a string",
];

/// The sort of a failure that was taken for `kind`, once it is known whether pictures were shown and what the provider says of it.
pub(super) fn kind(kind: ErrorKind, shows: bool, told: &str) -> ErrorKind {
    let may_be = matches!(
        kind,
        // llama.cpp and Ollama tell it with a 500, OpenRouter with a 404.
        ErrorKind::Invalid | ErrorKind::Overloaded | ErrorKind::UnknownModel
    );
    let told = told.to_ascii_lowercase();
    if shows && may_be && WORDS.iter().any(|word| told.contains(word)) {
        return ErrorKind::Picture;
    }
    kind
}

/// What its user can do.
pub(super) fn not_taken(model: &str) -> String {
    format!(
        "{model} takes no pictures, or not this one: send the message without it, or to another model"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_providers_say_of_pictures_is_known() {
        for (before, told) in [
            (
                ErrorKind::Invalid,
                "Invalid content type. image_url is only supported by certain models.",
            ),
            (
                ErrorKind::UnknownModel,
                "No endpoints found that support image input",
            ),
            (
                ErrorKind::Overloaded,
                "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
            ),
            (
                ErrorKind::Overloaded,
                "this model is missing data required for image input",
            ),
            (ErrorKind::Invalid, "qwen3 is not a multimodal model"),
            (
                ErrorKind::Invalid,
                "'messages.0' : 'content' : value must be a string: messages[0].content must be a string",
            ),
            (
                ErrorKind::Invalid,
                "messages[0]: unknown variant `image_url`, expected `text`",
            ),
            (
                ErrorKind::Invalid,
                "messages.0.content.1.image.source.base64: image exceeds 5 MB maximum",
            ),
        ] {
            assert_eq!(kind(before, true, told), ErrorKind::Picture, "{told}");
            assert_eq!(kind(before, false, told), before, "none was shown: {told}");
        }
        let limit = "too many image tokens a minute";
        assert_eq!(
            kind(ErrorKind::RateLimit, true, limit),
            ErrorKind::RateLimit
        );
        assert_eq!(kind(ErrorKind::Invalid, true, "bad"), ErrorKind::Invalid);
    }
}
