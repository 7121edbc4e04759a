package import ClusterModel

/// The body of a request that a model answers, in whatever API's words it came.
package protocol AnswerableRequest: Sendable {
    var generation: GenerationRequest { get }
    var delivery: Delivery { get }
    var unknownFields: UnknownFields { get }
}

extension ChatCompletionRequest: AnswerableRequest {}
extension CompletionRequest: AnswerableRequest {}
extension ResponsesRequest: AnswerableRequest {}
extension MessagesRequest: AnswerableRequest {}
