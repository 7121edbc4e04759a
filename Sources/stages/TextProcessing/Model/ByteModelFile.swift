import ClusterModel
import JSONText

/// `apus-byte-tokenizer.json`: the one file of a model whose tokens are bytes.
///
/// `{"kind": "bytes", "specials": ["<|endoftext|>", …], "endOfText": ["<|endoftext|>"], "template": "chatml"}`, all members required and no others.
package struct ByteModelFile {
    package static let name = "apus-byte-tokenizer.json"

    private let specials: [String]
    private let endOfText: [String]

    /// What a worker without a tokenizer of its own publishes: ChatML's special tokens behind the bytes, 259 tokens in all.
    package static let standard: [UInt8] = Array(
        """
        {"kind":"bytes","specials":["<|endoftext|>","<|im_start|>","<|im_end|>"],"endOfText":["<|endoftext|>","<|im_end|>"],"template":"chatml"}

        """.utf8)

    package init(parsing contents: [UInt8]) throws(TextError) {
        let file = try FileText(Self.name, contents, limit: TextLimits.byteModelFileBytes)
        try file.refuseMembers(except: ["kind", "specials", "endOfText", "template"])
        guard try file.text("kind") == "bytes" else { throw file.error("kind", "must be \"bytes\"") }
        specials = try file.texts("specials", atMost: TextLimits.specialTokens, bytes: TextLimits.specialTokenBytes)
        endOfText = try file.texts("endOfText", atMost: TextLimits.specialTokens, bytes: TextLimits.specialTokenBytes)
        for (index, text) in endOfText.enumerated() where !specials.contains(where: { $0.hasSameBytes(as: text) }) {
            throw file.error("endOfText[\(index)]", "is not one of the specials")
        }
        guard try file.text("template") == "chatml" else { throw file.error("template", "must be \"chatml\"") }
        for special in ChatMLTemplate.specials where !specials.contains(where: { $0.hasSameBytes(as: special) }) {
            throw file.error("specials", "the template needs \(special)")
        }
    }

    func text() -> ModelText {
        let tokenizer = ByteTokenizer(specials: specials)
        return ModelText(
            tokenizer: tokenizer, template: ChatMLTemplate(), endTokens: endOfText.compactMap { tokenizer.vocabulary.special($0) },
            toolFormat: .hermes, reasoningFormat: .think)
    }
}
