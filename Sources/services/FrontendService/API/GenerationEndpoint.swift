import ClusterModel
import OpenAIDialect
import Telemetry

/// The endpoints that make a model produce text: each reads its own requests into the one form, and writes the one answer in its own.
enum GenerationEndpoint: CaseIterable, Sendable {
    case chat, text, responses, messages

    var path: StaticString {
        switch self {
        case .chat: "/v1/chat/completions"
        case .text: "/v1/completions"
        case .responses: "/v1/responses"
        case .messages: "/v1/messages"
        }
    }

    var label: EndpointLabel {
        switch self {
        case .chat: .chatCompletions
        case .text: .completions
        case .responses: .responses
        case .messages: .anthropicMessages
        }
    }

    /// Whether what a client wants to see of its prompt stands before its stream.
    var tellsAnnotations: Bool { self == .chat || self == .text }

    /// How its clients read errors.
    var errorStyle: ErrorStyle { ErrorStyle(path: path.description) }

    /// `id` is the request's; `created` is in seconds since 1970.
    func writer(id: String, created: Int64, _ request: GenerationRequest, _ delivery: Delivery) -> any AnswerWriter {
        switch self {
        case .chat: ChatCompletionWriter(id: id, created: created, model: request.model, delivery: delivery)
        case .text: CompletionWriter(id: id, created: created, model: request.model, delivery: delivery)
        case .responses: ResponsesWriter(id: id, created: created, delivery: delivery)
        case .messages:
            MessagesWriter(id: id, model: request.model, maxTokens: request.sampling.maxTokens, delivery: delivery)
        }
    }
}

/// A parsed body, whichever endpoint it came to.
struct ParsedRequest: Sendable {
    var generation: GenerationRequest
    let delivery: Delivery
    /// Prompts of the same kind behind the first, each of which becomes a request of its own.
    let morePrompts: [GenerationRequest.Prompt]
    let unknownFields: Int
    /// The first few of them, as far as they are plain.
    let unknownNames: [String]

    static func read(_ body: [UInt8], _ endpoint: GenerationEndpoint, _ options: DialectOptions) throws(DialectError) -> ParsedRequest {
        switch endpoint {
        case .chat: return ParsedRequest(try ChatCompletionRequest(parsing: body.span.bytes))
        case .text:
            let request = try CompletionRequest(parsing: body.span.bytes)
            return ParsedRequest(request, morePrompts: request.morePrompts)
        case .responses: return ParsedRequest(try ResponsesRequest(parsing: body.span.bytes))
        case .messages: return ParsedRequest(try MessagesRequest(parsing: body.span.bytes, stripsPreamble: options.stripsPreamble))
        }
    }

    private init(_ request: some AnswerableRequest, morePrompts: [GenerationRequest.Prompt] = []) {
        generation = request.generation
        delivery = request.delivery
        self.morePrompts = morePrompts
        unknownFields = request.unknownFields.count
        unknownNames = request.unknownFields.names
    }
}
