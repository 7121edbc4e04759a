import JSONText
import OpenAIDialect
import Testing

@Suite("Errors in Anthropic's envelope") struct AnthropicErrorTests {
    private func told(_ error: ErrorBody) throws -> (status: Int, json: JSONValue) {
        (ErrorStyle.anthropic.status(of: error), try JSONValue(parsing: written { error.append(.anthropic, to: &$0) }))
    }

    @Test(
        "each kind has the status and the type that clients know",
        arguments: [
            (ServiceFailure.Kind.invalidArgument, 400, "invalid_request_error"), (.unauthenticated, 401, "authentication_error"),
            (.forbidden, 403, "permission_error"), (.modelNotFound, 404, "not_found_error"), (.bodyTooLarge, 413, "request_too_large"),
            (.methodNotAllowed, 405, "invalid_request_error"), (.tenantLimit, 429, "rate_limit_error"),
            (.queueFull, 429, "rate_limit_error"),
            (.internalError, 500, "api_error"), (.quarantined, 500, "api_error"), (.overloaded, 529, "overloaded_error"),
            (.noWorker, 529, "overloaded_error"), (.draining, 529, "overloaded_error"), (.timeout, 504, "timeout_error"),
        ])
    func kinds(kind: ServiceFailure.Kind, status: Int, type: String) throws {
        let told = try told(ErrorBody(ServiceFailure(kind)))
        #expect(told.status == status && told.json["type"]?.asString == "error" && told.json["error"]?["type"]?.asString == type)
        #expect(told.json["error"]?["message"]?.asString?.isEmpty == false && told.json["request_id"] == nil)
    }

    @Test("no failure has a status that the API does not know for it")
    func allKinds() {
        for kind in ServiceFailure.Kind.allCases {
            let error = ErrorBody(ServiceFailure(kind))
            #expect(ErrorStyle.anthropic.status(of: error) == (error.status == 503 ? 529 : error.status))
            #expect(ErrorStyle.openAI.status(of: error) == error.status)
        }
    }

    @Test("the request's name is told, quoted")
    func requestID() {
        var error = ErrorBody(DialectError(message: "a \"b\"", param: "model"))
        error.requestID = "r\"1"
        #expect(
            written { error.append(.anthropic, to: &$0) }
                == #"{"type":"error","error":{"type":"invalid_request_error","message":"a \"b\""},"request_id":"r\"1"}"#)
        #expect(
            written { error.append(.openAI, to: &$0) }
                == #"{"error":{"message":"a \"b\"","type":"invalid_request_error","param":"model","code":null}}"#)
    }

    @Test("a conversation that does not fit is told in the words that clients shorten it for")
    func tooLong() {
        let error = ErrorBody(ServiceFailure.contextLengthExceeded(limit: 8, param: "messages"))
        #expect(
            written { error.append(.anthropic, to: &$0) }
                == #"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: This model's maximum context length is 8 tokens; the prompt and the output exceed it."}}"#
        )
    }
}
