// The one place where failures get their HTTP status. Statuses and types of wire failures: `proto-spec/06-errors.md#failure-codes`.
extension ServiceFailure.Kind {
    struct Row {
        let status: Int
        let type: String
        let code: String
        /// What a client reads where there is no detail, or none for it.
        let message: String
        let retry: Retry
    }

    enum Retry {
        /// It would fail again.
        case never
        /// Nobody knows; clients do as they do with any such status.
        case unsaid
        /// After so many seconds, unless a better number is known.
        case after(Int)

        /// By `Retry-After`.
        var isTold: Bool { if case .after = self { true } else { false } }
    }

    var row: Row {
        switch self {
        case .invalidArgument: client(400, "invalid_value", "A value of the request makes no sense here.")
        case .modelNotFound: client(404, "model_not_found", "The model does not exist.")
        case .notFound: client(404, "not_found", "What was asked for does not exist, or no longer.")
        case .contextLengthExceeded: client(400, "context_length_exceeded", "Prompt and output exceed the model's context length.")
        case .unknownWorker: client(400, "unknown_worker", "The request is pinned to a worker or rank that does not exist.")
        case .pinConflict: client(400, "pin_conflict", "The request is pinned to a worker that it may not use.")
        case .sessionUnsupported: client(400, "session_unsupported", "The worker cannot hold sessions.")
        case .unauthenticated: client(401, "invalid_api_key", "The API key is missing or wrong.", type: "authentication_error")
        case .forbidden: client(403, "permission_denied", "The API key does not allow this.", type: "permission_error")
        case .routeNotFound: client(404, "unknown_url", "There is nothing at this address.")
        case .methodNotAllowed: client(405, "method_not_allowed", "This address does not take that method.")
        case .unsupportedMediaType: client(415, "unsupported_media_type", "The body must be application/json.")
        case .bodyTooLarge: client(413, "request_too_large", "The body is too large.")
        case .bodyTimeout: client(408, "request_timeout", "The body did not arrive in time.")
        case .tenantLimit: limit("rate_limit_exceeded", "The limit of this API key is reached. Try again later.")
        case .queueFull: limit("queue_full", "Too many requests are waiting. Try again later.")
        case .noWorker: busy("no_worker", "No worker can take this request now. Try again later.")
        case .draining: busy("draining", "The server is shutting down. Try again.")
        case .queueTimeout: busy("queue_timeout", "The request waited too long for a worker. Try again later.")
        case .deadlineUnreachable: busy("deadline_unreachable", "The queue is longer than this request may wait. Try again later.")
        case .overloaded: busy("overloaded", "The server is overloaded. Try again later.")
        case .sessionLimit: busy("session_limit", "The worker holds too many sessions. Try again later.")
        case .capacity: busy("capacity", "No worker has room for this request now. Try again later.")
        case .transferFailed: busy("transfer_failed", "Workers could not hand the request over. Try again.")
        case .workerLost: busy("worker_lost", "The worker was lost, and no other could go on. Try again.")
        case .timeout: server(504, "timeout", "The request took too long.", .after(1))
        case .engineFailed: server(500, "engine_failed", "The engine failed on this request.", .after(1))
        case .quarantined: server(500, "quarantined", "Workers failed on this request repeatedly; it will not be tried again.", .never)
        case .internalError: server(500, "internal_error", "The server had an error while processing the request.", .unsaid)
        case .cancelled: server(499, "cancelled", "The client left.", .never)
        }
    }

    private func client(_ status: Int, _ code: String, _ message: String, type: String = "invalid_request_error") -> Row {
        Row(status: status, type: type, code: code, message: message, retry: .never)
    }

    private func limit(_ code: String, _ message: String) -> Row {
        Row(status: 429, type: "rate_limit_error", code: code, message: message, retry: .after(1))
    }

    private func busy(_ code: String, _ message: String) -> Row { server(503, code, message, .after(1)) }

    private func server(_ status: Int, _ code: String, _ message: String, _ retry: Retry) -> Row {
        Row(status: status, type: "server_error", code: code, message: message, retry: retry)
    }
}

extension ServiceFailure {
    /// A failure as the wire carries it. `field` becomes the param of what is the client's fault.
    package init(wireCode: UInt16, field: String = "", reason: String = "", retryAfterMilliseconds: UInt32 = 0) {
        let kind = Kind(wireCode: wireCode)
        let isClients = kind.row.status < 429
        let param = kind == .modelNotFound ? "model" : field
        self.init(
            kind, detail: isClients ? reason : "", param: isClients && !param.isEmpty ? param : nil,
            retryAfterMilliseconds: retryAfterMilliseconds)
    }
}

extension ServiceFailure.Kind {
    /// Numbers as in the specification's table; what is not there is an error of ours.
    init(wireCode: UInt16) {
        self =
            switch wireCode {
            case 4: .overloaded
            case 5: .notFound
            case 6: .invalidArgument
            case 7: .draining
            case 8: .timeout
            case 10, 22: .capacity
            case 12: .noWorker
            case 13: .queueFull
            case 14: .queueTimeout
            case 15: .deadlineUnreachable
            case 16: .tenantLimit
            case 17: .modelNotFound
            case 18: .unknownWorker
            case 19: .pinConflict
            case 20: .sessionUnsupported
            case 21: .sessionLimit
            case 23, 26: .transferFailed
            case 27: .quarantined
            case 28: .contextLengthExceeded
            case 29: .cancelled
            case 30: .engineFailed
            case 31: .workerLost
            default: .internalError
            }
    }
}
