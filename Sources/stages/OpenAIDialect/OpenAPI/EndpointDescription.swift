import JSONText

/// What `/openapi.json` tells of one endpoint. Each family of endpoints describes itself in a file of `Endpoints/`, and stands in
/// `OpenAPIDocument.endpoints`; a test compares them with the paths that are served.
struct EndpointDescription {
    enum Method: String {
        case get, post, delete
    }

    struct Parameter {
        enum Place: String {
            case path, header, query
        }

        let name: String
        let place: Place
        let description: String
        var schema = Schema.text
    }

    /// An answer that is no failure.
    struct Answer {
        var status = 200
        let description: String
        /// Names of headers beside those of every answer, each with what it tells.
        var headers: [(name: String, description: String)] = []
        /// Of an answer in one body, if it has any.
        var mediaType = "application/json"
        var schema: Schema?
        /// Of the data of each event, for a client that asks for a stream.
        var events: Schema?
    }

    let method: Method
    let path: String
    /// Of the operation; clients are made with functions of this name.
    let id: String
    let summary: String
    var parameters: [Parameter] = []
    /// Of the body.
    var request: Schema?
    /// A body that the tiny model of this repository answers, as JSON; one with vectors, where vectors are asked for.
    var example: String?
    var answers: [Answer]
    /// Statuses of failures beside those of every endpoint.
    var failures: [Int] = []
    /// In which envelope, and with which statuses, it tells failures.
    var style = ErrorStyle.openAI
    /// What only this endpoint refers to.
    var schemas: [Schema.Named] = []
}

extension EndpointDescription {
    /// An endpoint that makes a model produce text. `events` is the schema of the data of a stream's events.
    static func generating(
        _ path: String, id: String, _ summary: String, request: Schema.Named, example: String, answer: Schema.Named, events: Schema.Named,
        ending: String, style: ErrorStyle = .openAI, schemas: [Schema.Named] = []
    ) -> EndpointDescription {
        EndpointDescription(
            method: .post, path: path, id: id, summary: summary, parameters: label + pins, request: .ref(request.name),
            example: example,
            answers: [
                Answer(
                    description: "The answer: one body, or with stream an event for each of its parts, and at the end \(ending).",
                    headers: [("server-timing", "Of an answer in one body: its stages in milliseconds, and their total.")],
                    schema: .ref(answer.name), events: .ref(events.name))
            ],
            failures: generatingFailures, style: style, schemas: [request, answer, events] + schemas)
    }

    /// What becomes of requests on their way through the cluster: every status of the table, but for clients that left, who hear of nothing.
    static let generatingFailures = Set(ServiceFailure.Kind.allCases.map(\.row.status)).subtracting([405, 499]).sorted()

    /// What the HTTP server itself may answer to any request.
    static let everywhere = [400, 401, 403, 408, 413, 414, 417, 429, 431, 500, 503]

    /// The same, of requests with a body.
    static let withBody = [415]

    /// Why, where the status alone does not say it.
    private static let serverReasons = [
        408: "the request did not come to its end in time", 413: "the body is too large", 414: "the path is too long",
        415: "the body is said to be no JSON", 417: "something is expected that is not known here", 431: "the head is too large",
    ]

    static let label = [
        Parameter(
            name: "x-request-id", place: .header, description: "What the client calls its request; told back if it is short and printable."),
        Parameter(name: "traceparent", place: .header, description: "The trace that the request is part of."),
    ]

    /// Headers by which proxies say where a request is to run.
    static let pins = [
        Parameter(
            name: "x-worker-instance-id", place: .header, description: "Before nvext.backend_instance_id and nvext.decode_worker_id.",
            schema: worker),
        Parameter(name: "x-prefill-instance-id", place: .header, description: "Before nvext.prefill_worker_id.", schema: worker),
        Parameter(name: "x-data-parallel-rank", place: .header, description: "Before nvext.dp_rank.", schema: rank),
        Parameter(name: "x-dp-rank", place: .header, description: "The older name of x-data-parallel-rank.", schema: rank),
        Parameter(
            name: "x-prefill-dp-rank", place: .header, description: "Before nvext.prefill_dp_rank; 4294967295 says nothing.", schema: rank),
    ]

    private static let worker = Schema(#"{"type":"string","pattern":"^([0-9]{1,19}|[0-9a-fA-F]{16})$"}"#)
    private static let rank = Schema.integer(0...Int(UInt32.max))

    // MARK: As it is written

    /// The operation.
    var json: String {
        var members = [#""operationId":"\#(id)""#, #""summary":\#(quoted(summary))"#]
        if !parameters.isEmpty { members.append(#""parameters":[\#(parameters.map(Self.json).joined(separator: ","))]"#) }
        if let request {
            let example = example.map { #","example":\#($0)"# } ?? ""
            members.append(#""requestBody":{"required":true,"content":{"application/json":{"schema":\#(request.json)\#(example)}}}"#)
        }
        let statuses = failures.map(style.status) + Self.everywhere + (request == nil ? [] : Self.withBody)
        let refused = Set(statuses).subtracting(answers.map(\.status)).sorted()
        // Order: sorted.
        let all = answers.map(json) + refused.map(failure)
        members.append(#""responses":{\#(all.joined(separator: ","))}"#)
        return "{\(members.joined(separator: ","))}"
    }

    private static func json(_ parameter: Parameter) -> String {
        let need = parameter.place == .path ? #","required":true"# : ""
        let words = #""name":"\#(parameter.name)","in":"\#(parameter.place.rawValue)"\#(need)"#
        return #"{\#(words),"description":\#(quoted(parameter.description)),"schema":\#(parameter.schema.json)}"#
    }

    private func json(_ answer: Answer) -> String {
        var contents: [String] = []
        if let schema = answer.schema { contents.append(#""\#(answer.mediaType)":{"schema":\#(schema.json)}"#) }
        // What is no failure of this endpoint is one of the server's at times.
        if answer.status >= 400 { contents.append(#""application/json":{"schema":\#(Schema.ref(style.schema).json)}"#) }
        if let events = answer.events {
            // Of a stream the schema is that of one event, as tools read OpenAPI 3.1; 3.2 has `itemSchema` for it.
            contents.append(
                #""text/event-stream":{"schema":{"type":"object","required":["data"],"properties":{"event":{"type":"string"},"#
                    + #""data":{"type":"string","contentMediaType":"application/json","contentSchema":\#(events.json)}}}}"#)
        }
        let content = contents.isEmpty ? "" : #","content":{\#(contents.joined(separator: ","))}"#
        return #""\#(answer.status)":{"description":\#(quoted(answer.description)),"headers":{\#(Self.json(answer.headers))}\#(content)}"#
    }

    /// A status and the codes that come with it.
    private func failure(_ status: Int) -> String {
        let isOwn = failures.contains { style.status($0) == status }
        let codes = style.hasCodes && isOwn ? ServiceFailure.Kind.allCases.filter { $0.row.status == status }.map(\.row.code) : []
        let reason = Self.serverReasons[status].map { "Refused: \($0)." } ?? "Refused."
        let names = codes.isEmpty ? reason : "\(reason) Codes: \(codes.joined(separator: ", "))."
        var envelopes = isOwn || Self.withBody.contains(status) ? [style.schema] : []
        // What the server refuses before it knows the path has the one envelope everywhere.
        if Self.everywhere.contains(status), !envelopes.contains(ErrorStyle.openAI.schema) { envelopes.append(ErrorStyle.openAI.schema) }
        let schema = envelopes.count == 1 ? Schema.ref(envelopes[0]) : .either(.ref(envelopes[0]), .ref(envelopes[1]))
        let mayHeal = ServiceFailure.Kind.allCases.contains { style.status($0.row.status) == status && $0.row.retry.isTold }
        let retry = mayHeal ? [(name: "retry-after", description: "Seconds after which to try again, where that makes sense.")] : []
        return #""\#(status)":{"description":"\#(names)","headers":{\#(Self.json(retry))},"#
            + #""content":{"application/json":{"schema":\#(schema.json)}}}"#
    }

    private static func json(_ headers: [(name: String, description: String)]) -> String {
        ([("x-request-id", "What the request is called, here and in logs.")] + headers).map {
            #""\#($0.0)":{"description":\#(quoted($0.1)),"schema":{"type":"string"}}"#
        }.joined(separator: ",")
    }

    private func quoted(_ text: String) -> String { Self.quoted(text) }

    private static func quoted(_ text: String) -> String {
        var bytes: [UInt8] = []
        JSONWriter.appendQuoted(text, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension ErrorStyle {
    /// The name of the envelope's schema.
    fileprivate var schema: String { self == .anthropic ? "AnthropicError" : "Error" }

    /// Whether the envelope tells codes.
    fileprivate var hasCodes: Bool { self == .openAI }
}
