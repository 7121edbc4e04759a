import ClusterModel
import OpenAIDialect

/// What a client calls what routers and workers name by fields of ours.
struct ClientWords: Sendable {
    var hints = RoutingHints()
    var names = FieldNames.chat
    /// Where the form of the output comes from.
    var constraint = FieldNames.chat.format

    /// The member of the client's body that is meant by the name of a field; the name itself where the client has said nothing of the kind.
    func member(_ field: String) -> String {
        switch field {
        case "constraint": constraint
        case "promptTokens", "tokenCount": names.prompt
        case "topLogprobs": names.logprobs
        case "choices": "n"
        case "pool", "loRA": "model"
        case "topP": "top_p"
        case "topK": "top_k"
        case "minP": "min_p"
        case "repetitionPenalty": "repetition_penalty"
        case "minTokens": "min_tokens"
        default: hints.member(field)
        }
    }
}
