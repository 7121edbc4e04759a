import OpenAIDialect

/// Which of the API's paths a request came to, as metrics name it.
enum EndpointLabel: String, CaseIterable {
    case completions
    case chatCompletions = "chat_completions"
    case embeddings
    case responses
    case anthropicMessages = "anthropic_messages"
}

/// How an answer is delivered, as metrics name it. What a body that cannot be read asked for is not known: it counts as unary.
enum RequestTypeLabel: String, CaseIterable {
    case unary, stream

    init(isStreamed: Bool) { self = isStreamed ? .stream : .unary }
}

/// How a request ended, as metrics name it.
enum RequestResult: String, CaseIterable {
    case success = ""
    case validation
    case notFound = "not_found"
    case overload
    case cancelled
    case responseTimeout = "response_timeout"
    case notImplemented = "not_implemented"
    case internalError = "internal"

    /// From the HTTP status, which says for each failure whose fault it was; 499 stands for a client that left.
    init(status: Int) {
        self =
            switch status {
            case ..<400: .success
            case 404: .notFound
            case 429, 503: .overload
            case 499: .cancelled
            case 501: .notImplemented
            case 504: .responseTimeout
            case 400..<500: .validation
            default: .internalError
            }
    }

    var status: String { self == .success ? "success" : "error" }
    var errorType: String { rawValue }
}

/// What became of a request whose attempt was lost: it had shown nothing yet, or went on in the midst of its answer.
enum MigrationLabel: String, CaseIterable {
    case newRequest = "new_request"
    case ongoingRequest = "ongoing_request"
}

enum MetricLabelValues {
    /// The model of requests that name none of ours: what clients write is no label.
    static let unknownModel = "unknown"
    /// The models that came when there were too many.
    static let otherModels = "other"
}
