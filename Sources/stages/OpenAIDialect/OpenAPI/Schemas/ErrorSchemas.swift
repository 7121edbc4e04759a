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
            ]))
    ]
}
