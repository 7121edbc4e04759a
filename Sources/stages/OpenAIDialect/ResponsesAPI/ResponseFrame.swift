import ClusterModel
import JSONText

/// The object `response`, which stands in several events of a stream and is the whole of a body.
struct ResponseFrame: Sendable {
    enum State {
        case inProgress
        /// Why.
        case incomplete(StaticString)
        /// In seconds since 1970.
        case completed(at: Int64)
        case failed(ErrorBody)

        var name: StaticString {
            switch self {
            case .inProgress: "in_progress"
            case .completed: "completed"
            case .incomplete: "incomplete"
            case .failed: "failed"
            }
        }
    }

    /// Up to the status.
    private let head: [UInt8]
    /// Members that repeat the request, without braces.
    private let repeated: [UInt8]

    /// `created` is in seconds since 1970; `id` without its prefix.
    init(id: String, created: Int64, repeated: [UInt8]) {
        self.repeated = repeated
        var bytes: [UInt8] = []
        bytes.append(static: #"{"id":"#)
        JSONWriter.appendQuoted("resp_" + id, to: &bytes)
        bytes.append(static: #","object":"response","created_at":"#)
        JSONWriter.appendDigits(UInt64(max(0, created)), to: &bytes)
        bytes.append(static: #","status":""#)
        head = bytes
    }

    /// `output` are its items with commas between them.
    func append(_ state: State, output: [UInt8], _ usage: TokenUsage?, _ extensionJSON: [UInt8], to bytes: inout [UInt8]) {
        bytes.append(contentsOf: head)
        bytes.append(static: state.name)
        bytes.append(static: #"","completed_at":"#)
        if case .completed(let seconds) = state {
            JSONWriter.appendDigits(UInt64(max(0, seconds)), to: &bytes)
        } else {
            bytes.append(static: "null")
        }
        bytes.append(static: #","error":"#)
        if case .failed(let failure) = state {
            bytes.append(static: #"{"code":""#)
            bytes.append(static: failure.responseCode)
            bytes.append(static: #"","message":"#)
            JSONWriter.appendQuoted(failure.message, to: &bytes)
            bytes.append(UInt8(ascii: "}"))
        } else {
            bytes.append(static: "null")
        }
        bytes.append(static: #","incomplete_details":"#)
        if case .incomplete(let reason) = state {
            bytes.append(static: #"{"reason":""#)
            bytes.append(static: reason)
            bytes.append(static: #""}"#)
        } else {
            bytes.append(static: "null")
        }
        bytes.append(UInt8(ascii: ","))
        if !repeated.isEmpty {
            bytes.append(contentsOf: repeated)
            bytes.append(UInt8(ascii: ","))
        }
        bytes.append(static: #""output":["#)
        bytes.append(contentsOf: output)
        bytes.append(static: #"],"usage":"#)
        if let usage { usage.appendResponse(to: &bytes) } else { bytes.append(static: "null") }
        if !extensionJSON.isEmpty {
            bytes.append(static: #","nvext":"#)
            bytes.append(contentsOf: extensionJSON)
        }
        bytes.append(UInt8(ascii: "}"))
    }
}

extension ErrorBody {
    /// One of the few words that the API's types have for a response that failed.
    fileprivate var responseCode: StaticString {
        status == 429 ? "rate_limit_exceeded" : status < 500 ? "invalid_prompt" : "server_error"
    }
}

extension TokenUsage {
    fileprivate func appendResponse(to bytes: inout [UInt8]) {
        func number(_ name: StaticString, _ value: Int, _ bytes: inout [UInt8]) {
            bytes.append(static: name)
            JSONWriter.appendDigits(UInt64(max(0, value)), to: &bytes)
        }
        number(#"{"input_tokens":"#, promptTokens, &bytes)
        // Whatever is computed stays as long as there is room: none is written at anyone's wish.
        number(#","input_tokens_details":{"cache_write_tokens":0,"cached_tokens":"#, cachedTokens, &bytes)
        number(#"},"output_tokens":"#, completionTokens, &bytes)
        number(#","output_tokens_details":{"reasoning_tokens":"#, reasoningTokens, &bytes)
        number(#"},"total_tokens":"#, totalTokens, &bytes)
        bytes.append(UInt8(ascii: "}"))
    }
}
