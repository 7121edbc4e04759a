/// The envelopes of `ErrorStyle`.
enum ErrorSchemas {
    static let all = [
        Schema.Named(
            "Error",
            .object([
                .needed(
                    "error",
                    .object([
                        .needed("message", .text), .needed("type", .text),
                        .needed("param", .text.orNull.described("The field of the request that is at fault.")),
                        .needed("code", .text.orNull),
                    ]))
            ])),
        Schema.Named(
            "AnthropicError",
            .object([
                .needed("type", .word("error")),
                .needed(
                    "error",
                    .object([
                        .needed(
                            "type",
                            .word(
                                "invalid_request_error", "authentication_error", "permission_error", "not_found_error", "request_too_large",
                                "timeout_error", "rate_limit_error", "api_error", "overloaded_error")),
                        .needed("message", .text),
                    ])),
                .sometimes("request_id", .text.described("As in the header request-id.")),
            ])),
    ]
}
