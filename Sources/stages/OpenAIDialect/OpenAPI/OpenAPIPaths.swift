/// The paths of `/openapi.json`.
enum OpenAPIPaths {
    typealias Part = OpenAPIDocument.Part

    static let all = generating + models + decisions + process

    private static let generating = [
        Part("/v1/chat/completions", generation("createChatCompletion", "Answers a conversation.", "ChatCompletion")),
        Part("/v1/completions", generation("createCompletion", "Continues a text.", "Completion")),
    ]

    private static let models = [
        Part("/v1/models", get("listModels", "Models that can be asked for.", schema: "ModelList")),
        Part(
            "/v1/models/{id}",
            get("showModel", "One model. Its name may have slashes in it.", path: "id", schema: "Model", failures: ["404"])),
    ]

    private static let decisions = [
        Part(
            "/v1/requests/{id}/decision",
            get(
                "explainRequest",
                "Why a request ran where it did, by the client's x-request-id or by the id of its answer. Kept for a while.",
                path: "id", schema: "Decision", failures: ["404"]))
    ]

    private static let process =
        ["/health", "/healthz", "/live", "/livez", "/liveness"].map { Part($0, health("Whether the process lives.")) }
        + ["/ready", "/readyz", "/readiness"].map { Part($0, health("Whether requests are served: 503 if not.", failures: ["503"])) }
        + [
            Part("/version", get("version", "Versions of the program and of the protocol inside the cluster.", schema: "Version")),
            Part("/openapi.json", get("openAPI", "This document.", schema: "Any")),
        ]

    // MARK: Operations

    private static let failures = ["400", "401", "403", "404", "408", "413", "415", "422", "429", "500", "502", "503", "504"]

    private static func generation(_ id: String, _ summary: String, _ answer: String) -> String {
        #"{"post":{"operationId":"\#(id)","summary":"\#(summary)","parameters":["#
            + #"{"name":"x-request-id","in":"header","description":"What the client calls its request; told back.","schema":{"type":"string","maxLength":128}},"#
            + #"{"name":"traceparent","in":"header","description":"The trace that the request is part of.","schema":{"type":"string"}}],"#
            + #""requestBody":{"required":true,"content":{"application/json":{"schema":\#(ref(answer + "Request"))}}},"#
            + #""responses":{"200":{"description":"The answer. With stream, one chunk an event, and [DONE] behind the last.","headers":"#
            + #"{"x-request-id":{"schema":{"type":"string"}},"server-timing":{"description":"Of unary answers: the stages in milliseconds, and their total.","schema":{"type":"string"}}},"#
            + #""content":{"application/json":{"schema":\#(ref(answer))},"text/event-stream":{"schema":\#(ref(answer + "Chunk"))}}}"#
            + refusals(failures) + "}}}"
    }

    private static func get(_ id: String, _ summary: String, path: String? = nil, schema: String, failures: [String] = []) -> String {
        let parameters = path.map { #""parameters":[{"name":"\#($0)","in":"path","required":true,"schema":{"type":"string"}}],"# } ?? ""
        return #"{"get":{"operationId":"\#(id)","summary":"\#(summary)",\#(parameters)"responses":{"200":{"description":"It.","#
            + #""content":{"application/json":{"schema":\#(ref(schema))}}}\#(refusals(failures))}}}"#
    }

    private static func health(_ summary: String, failures: [String] = []) -> String {
        #"{"get":{"summary":"\#(summary)","responses":{"200":{"description":"Yes."}"#
            + failures.map { #","\#($0)":{"description":"No."}"# }.joined() + "}}}"
    }

    private static func refusals(_ statuses: [String]) -> String {
        statuses.map { #","\#($0)":{"description":"Refused, or failed.","content":{"application/json":{"schema":\#(ref("Error"))}}}"# }
            .joined()
    }

    private static func ref(_ schema: String) -> String { ##"{"$ref":"#/components/schemas/\##(schema)"}"## }
}
