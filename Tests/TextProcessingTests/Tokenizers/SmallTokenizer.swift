import ClusterModel
import JSONText

@testable import TextProcessing

/// A tokenizer.json put together by a test.
struct SmallTokenizer {
    var vocabulary: [(String, JSONValue)] = []
    var merges: JSONValue = []
    var model: [(String, JSONValue)] = []
    var added: [JSONValue] = []
    var normalizer: JSONValue = .null
    var preTokenizer: JSONValue = .null
    var postProcessor: JSONValue = .null
    var decoder: JSONValue = ["type": "Fuse"]

    /// Each text is a token, in order.
    init(_ tokens: [String], merges: [(String, String)] = []) {
        vocabulary = tokens.enumerated().map { ($0.element, .number(JSONNumber(Int64($0.offset)))) }
        self.merges = .array(merges.map { [.string($0.0), .string($0.1)] })
    }

    /// The 256 bytes as ByteLevel writes them, and what merges make of them.
    static func bytes(merges: [(String, String)] = []) -> SmallTokenizer {
        var letters = ByteAlphabet.scalars.map { String(UnicodeScalar($0)!) }
        for (left, right) in merges where !letters.contains(left + right) { letters.append(left + right) }
        var made = SmallTokenizer(letters, merges: merges)
        made.preTokenizer = SmallTokenizer.byteLevel
        made.decoder = ["type": "ByteLevel"]
        return made
    }

    static let byteLevel: JSONValue = ["type": "ByteLevel", "add_prefix_space": false, "use_regex": false]

    static func split(_ pattern: String, _ behavior: String, invert: Bool = false) -> JSONValue {
        ["type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": .string(behavior), "invert": .bool(invert)]
    }

    mutating func add(_ id: Int, _ content: String, special: Bool = true, _ flags: [String] = []) {
        var token: JSONObject = JSONObject()
        token["id"] = .number(JSONNumber(Int64(id)))
        token["content"] = .string(content)
        token["special"] = .bool(special)
        for flag in ["single_word", "lstrip", "rstrip", "normalized"] { token[flag] = .bool(flags.contains(flag)) }
        added.append(.object(token))
    }

    var file: [UInt8] {
        var vocab = JSONObject()
        for (name, id) in vocabulary { vocab[name] = id }
        var model = JSONObject()
        model["type"] = "BPE"
        for (name, value) in self.model { model[name] = value }
        model["vocab"] = .object(vocab)
        model["merges"] = merges
        let file: JSONValue = [
            "version": "1.0", "added_tokens": .array(added), "normalizer": normalizer, "pre_tokenizer": preTokenizer,
            "post_processor": postProcessor, "decoder": decoder, "model": .object(model),
        ]
        return file.encoded()
    }

    func tokenizer() throws(TextError) -> BPETokenizer { try BPETokenizer(parsing: file) }

    /// Of a text that its client wrote as a whole, without the tokens around it.
    func ids(_ text: String) throws(TextError) -> [TokenID] {
        var prompt = PromptText()
        prompt.append(template: text)
        return try tokenizer().ids(prompt)
    }

    /// What each token of a text spells.
    func pieces(_ text: String) throws(TextError) -> [String] {
        let tokenizer = try tokenizer()
        var prompt = PromptText()
        prompt.append(template: text)
        return try tokenizer.ids(prompt).map { tokenizer.text([$0], showsSpecials: true) }
    }
}

extension BPETokenizer {
    func ids(_ prompt: PromptText, atMost limit: Int = .max) throws(TextError) -> [TokenID] {
        var tokens: [TokenID] = []
        try encode(prompt, atMost: limit, into: &tokens)
        return tokens
    }

    func text(_ tokens: [TokenID], showsSpecials: Bool = false) -> String {
        var text: [UInt8] = []
        var detokenizer = IncrementalDetokenizer(vocabulary, showsSpecials: showsSpecials)
        for token in tokens { detokenizer.append([token].span, to: &text) }
        detokenizer.finish(into: &text)
        return String(decoding: text, as: UTF8.self)
    }
}
