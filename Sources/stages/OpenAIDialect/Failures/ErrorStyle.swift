/// In which envelope an API tells errors.
package enum ErrorStyle: Hashable, Sendable {
    /// `{"error":{"message","type","param","code"}}`.
    case openAI
    /// `{"type":"error","error":{"type","message"},"request_id"}`: the message alone names the field.
    case anthropic

    /// That of the API which the path belongs to, whatever is there.
    package init(path: String) {
        self = path == Self.messages || path.hasPrefix(Self.messages + "/") ? .anthropic : .openAI
    }

    private static let messages = "/v1/messages"

    /// The status that clients of the API know a failure by.
    package func status(of error: ErrorBody) -> Int { status(error.status) }

    /// The same, of a status of our table of failures.
    func status(_ status: Int) -> Int { self == .anthropic && status == Self.unavailable ? Self.overloaded : status }

    private static let unavailable = 503
    /// Of Anthropic's API, where OpenAI's has 503.
    private static let overloaded = 529
}
