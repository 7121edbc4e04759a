/// `/v1/responses`, and the paths under which other services keep them.
enum ResponsesDescription {
    static let endpoints =
        [
            EndpointDescription.generating(
                "/v1/responses", id: "createResponse", "Answers a conversation, in items.",
                request: Schema.Named("ResponseRequest", ResponsesSchemas.request),
                example: #"{"model":"tiny","input":"What is the capital of Japan?","max_output_tokens":32,"temperature":0}"#,
                answer: Schema.Named("Response", ResponsesSchemas.answer),
                events: Schema.Named("ResponseEvent", ResponsesSchemas.event), ending: "response.completed, incomplete or failed",
                schemas: ResponsesSchemas.all)
        ] + [
            stored(.get, "", "showResponse"), stored(.delete, "", "deleteResponse"), stored(.get, "/input_items", "listResponseInput"),
            stored(.post, "/cancel", "cancelResponse"),
        ]

    private static func stored(_ method: EndpointDescription.Method, _ rest: String, _ id: String) -> EndpointDescription {
        EndpointDescription(
            method: method, path: "/v1/responses/{id}" + rest, id: id, summary: "Refused: responses are not stored here.",
            parameters: [.init(name: "id", place: .path, description: "Of any response.")], answers: [], failures: [404])
    }
}
