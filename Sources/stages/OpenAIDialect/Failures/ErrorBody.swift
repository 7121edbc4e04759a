import JSONText

/// What a client is told of a failure: as the body of a reply, or as the last event of a stream that had begun.
package struct ErrorBody: Hashable, Sendable {
    /// Of HTTP; a stream that has begun keeps its 200.
    package let status: Int
    package let message: String
    package let type: String
    package let param: String?
    package let code: String?
    /// For `Retry-After`, 1 to 120; none where trying again is no use.
    package let retryAfterSeconds: Int?
    /// For `x-should-retry`; none where the status says it.
    package let shouldRetry: Bool?
    /// What the client, or we, call the request, for envelopes that tell it.
    package var requestID: String?

    /// Clients wait this long at most, and do not try again if asked for more.
    private static let longestRetrySeconds = 120

    package init(_ error: DialectError) {
        status = error.status
        message = error.message
        type = error.type
        param = error.param
        code = error.code
        retryAfterSeconds = error.retryAfterSeconds
        shouldRetry = nil
    }

    /// `requestID` is told where the fault is ours, so that it can be found in our logs; the detail then is not.
    package init(_ failure: ServiceFailure, requestID: String? = nil) {
        let row = failure.kind.row
        status = row.status
        type = row.type
        code = row.code
        param = failure.param
        self.requestID = requestID
        if row.status < 500 {
            message = failure.detail.isEmpty ? row.message : failure.detail
        } else {
            message = requestID.map { "\(row.message) (request id \($0))" } ?? row.message
        }
        switch row.retry {
        case .never:
            retryAfterSeconds = nil
            shouldRetry = row.status >= 500 ? false : nil
        case .unsaid:
            retryAfterSeconds = nil
            shouldRetry = nil
        case .after(let seconds):
            let told = Int((UInt64(failure.retryAfterMilliseconds) + 999) / 1000)
            retryAfterSeconds = min(max(told, seconds), Self.longestRetrySeconds)
            shouldRetry = nil
        }
    }

    /// Appends the envelope of an API.
    package func append(_ style: ErrorStyle = .openAI, to bytes: inout [UInt8]) {
        switch style {
        case .openAI: appendOpenAI(to: &bytes)
        case .anthropic: appendAnthropic(to: &bytes)
        }
    }

    /// `{"error":{…}}`.
    private func appendOpenAI(to bytes: inout [UInt8]) {
        bytes.append(contentsOf: #"{"error":{"message":"#.utf8)
        JSONWriter.appendQuoted(message, to: &bytes)
        bytes.append(contentsOf: #","type":"#.utf8)
        JSONWriter.appendQuoted(type, to: &bytes)
        Self.append("param", param, to: &bytes)
        Self.append("code", code, to: &bytes)
        bytes.append(contentsOf: "}}".utf8)
    }

    private func appendAnthropic(to bytes: inout [UInt8]) {
        bytes.append(static: #"{"type":"error","error":{"type":""#)
        bytes.append(static: anthropicType)
        bytes.append(static: #"","message":""#)
        // Clients that can shorten their conversations do so when they read these words.
        if code == "context_length_exceeded" { bytes.append(static: "prompt is too long: ") }
        JSONWriter.appendEscaped(message, to: &bytes)
        bytes.append(static: "\"}")
        if requestID != nil { Self.append("request_id", requestID, to: &bytes) }
        bytes.append(UInt8(ascii: "}"))
    }

    /// Of Anthropic's words for kinds of errors, the one that goes with the status.
    private var anthropicType: StaticString {
        switch status {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 408, 504: "timeout_error"
        case 413: "request_too_large"
        case 429: "rate_limit_error"
        case 503, 529: "overloaded_error"
        case ..<500: "invalid_request_error"
        default: "api_error"
        }
    }

    private static func append(_ name: String, _ text: String?, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: #",""#.utf8)
        bytes.append(contentsOf: name.utf8)
        bytes.append(contentsOf: #"":"#.utf8)
        if let text { JSONWriter.appendQuoted(text, to: &bytes) } else { bytes.append(contentsOf: "null".utf8) }
    }
}
