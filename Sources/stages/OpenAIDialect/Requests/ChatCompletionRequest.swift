package import ClusterModel
import JSONText

/// The body of `POST /v1/chat/completions`.
package struct ChatCompletionRequest: Hashable, Sendable {
    package var generation: GenerationRequest
    package var delivery: Delivery
    package var unknownFields: UnknownFields

    package init(parsing body: RawSpan, abilities: DialectAbilities = []) throws(DialectError) {
        throw DialectError(message: "Not yet.")
    }
}
