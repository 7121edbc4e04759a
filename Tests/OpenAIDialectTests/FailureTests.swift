import OpenAIDialect
import Testing

@Suite("Failures") struct FailureTests {
    private func envelope(_ failure: ServiceFailure, requestID: String? = nil) -> String {
        written { ErrorBody(failure, requestID: requestID).append(to: &$0) }
    }

    /// The rows of the specification's table of failure codes: number, HTTP status, type.
    private static func table() throws -> [(code: UInt16, status: Int, type: String)] {
        let section = try #require(try file("proto-spec/06-errors.md").split(separator: "## Failure codes").last)
        return section.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|").map { $0.filter { $0 != " " } }
            guard cells.count == 6, let code = UInt16(cells[0]), let status = Int(cells[3]) else { return nil }
            return (code, status, cells[4])
        }
    }

    @Test("failures of the wire get the status and type that the specification gives them")
    func wireCodes() throws {
        let rows = try Self.table()
        #expect(rows.map(\.code) == Array(1...31))
        for row in rows {
            let body = ErrorBody(ServiceFailure(wireCode: row.code))
            #expect(body.status == row.status, "code \(row.code)")
            if row.code != 29 { #expect(body.type == row.type, "code \(row.code)") }
        }
        #expect(ErrorBody(ServiceFailure(wireCode: 999)).status == 500)
        #expect(ErrorBody(ServiceFailure(wireCode: 0)).status == 500)
    }

    @Test("every kind has a code of its own, a message, and the type of its status")
    func kinds() {
        let bodies = ServiceFailure.Kind.allCases.map { ErrorBody(ServiceFailure($0)) }
        #expect(Set(bodies.map(\.code)).count == bodies.count)
        for body in bodies {
            #expect(!body.message.isEmpty && body.code?.isEmpty == false)
            let expected =
                switch body.status {
                case 401: "authentication_error"
                case 403: "permission_error"
                case 429: "rate_limit_error"
                case 499...: "server_error"
                default: "invalid_request_error"
                }
            #expect(body.type == expected, "\(body.code ?? "")")
            // What is shed says when to come again.
            if body.status == 429 || body.status == 503 { #expect(body.retryAfterSeconds != nil) }
            if body.status < 429 { #expect(body.retryAfterSeconds == nil) }
        }
    }

    @Test("an unknown model is named if its name is harmless")
    func unknownModel() {
        #expect(
            envelope(.modelNotFound("llama"))
                == #"{"error":{"message":"The model 'llama' does not exist.","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#
        )
        #expect(ErrorBody(.modelNotFound("a\u{1B}[0m")).message == "The model does not exist.")
        #expect(ErrorBody(.modelNotFound("llama")).status == 404)
    }

    @Test("a context that is too long names its limit")
    func context() {
        #expect(
            envelope(.contextLengthExceeded(limit: 4096, param: "messages"))
                == #"{"error":{"message":"This model's maximum context length is 4096 tokens; the prompt and the output exceed it.","#
                + #""type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#)
    }

    @Test("faults of ours keep their detail and tell the request's id")
    func ours() {
        let failure = ServiceFailure(.engineFailed, detail: "CUDA error at 0x7f", param: nil)
        #expect(
            envelope(failure, requestID: "r-1")
                == #"{"error":{"message":"The engine failed on this request. (request id r-1)","type":"server_error","param":null,"code":"engine_failed"}}"#
        )
        #expect(!envelope(failure).contains("CUDA"))
        #expect(!envelope(ServiceFailure(wireCode: 30, field: "x", reason: "CUDA")).contains("CUDA"))
    }

    @Test("faults of the client's keep field and reason")
    func clients() {
        let body = ErrorBody(ServiceFailure(wireCode: 6, field: "temperature", reason: "The engine takes no such temperature."))
        #expect(body.param == "temperature" && body.message == "The engine takes no such temperature." && body.status == 400)
        #expect(ErrorBody(ServiceFailure(wireCode: 17)).param == "model")
    }

    @Test(
        "waiting times are whole seconds, at least one and at most what clients accept",
        arguments: [(0, 1), (1, 1), (1000, 1), (1001, 2), (60_000, 60), (120_001, 120), (UInt32.max, 120)] as [(UInt32, Int)])
    func retryAfter(milliseconds: UInt32, seconds: Int) {
        #expect(ErrorBody(ServiceFailure(.queueFull, retryAfterMilliseconds: milliseconds)).retryAfterSeconds == seconds)
    }

    @Test("what cannot heal is not to be tried again")
    func retries() {
        #expect(ErrorBody(ServiceFailure(.quarantined)).shouldRetry == false)
        #expect(ErrorBody(ServiceFailure(.internalError)).shouldRetry == nil)
        #expect(ErrorBody(ServiceFailure(.noWorker)).shouldRetry == nil)
        #expect(ErrorBody(ServiceFailure(.invalidArgument)).shouldRetry == nil)
    }
}
