package import ClusterModel
import JSONText

/// `generation_config.json`: which tokens end a text. What it says of sampling travels on the model's card.
package struct GenerationConfigFile {
    package static let name = "generation_config.json"

    /// As they stand there.
    package let endTokens: [TokenID]

    package init(parsing contents: [UInt8]) throws(TextError) {
        let file = try FileText(Self.name, contents, limit: TextLimits.configFileBytes)
        let member = "eos_token_id"
        let values: [JSONValue]
        switch file[member] {
        case nil, .null?: values = []
        case .array(let elements)?: values = elements
        case let value?: values = [value]
        }
        guard values.count <= TextLimits.endTokens else { throw file.error(member, "has more than \(TextLimits.endTokens) elements") }
        var tokens: [TokenID] = []
        for value in values {
            guard let token = value.asInt64.flatMap(TokenID.init(exactly:)) else {
                throw file.error(member, "must be the number of a token, or an array of such")
            }
            tokens.append(token)
        }
        endTokens = tokens
    }
}
