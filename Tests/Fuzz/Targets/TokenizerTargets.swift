import ClusterModel
import JSONText
import TextProcessing

extension FuzzTarget {
    /// A tokenizer's file: refused with its place, or a tokenizer that encodes and decodes without end or trap.
    static let tokenizerFile = FuzzTarget(name: "tokenizer-file", longest: 4096) { bytes in
        do throws(TextError) {
            let tokenizer = try BPETokenizer(parsing: Array(bytes))
            demand(tokenizer.vocabularySize <= TextLimits.tokens, "more tokens than there may be")
            var tokens: [TokenID] = []
            try? tokenizer.encode(PromptText(raw: "ab <s>\u{301} \n é 12"), atMost: 1000, into: &tokens)
            demand(tokens.allSatisfy { tokenizer.vocabulary.contains($0) }, "a token is not in the vocabulary")
        } catch { demand(!error.description.isEmpty, "an error says nothing") }
    }

    /// A text in pieces of either trust: it comes back from its tokens, and from each cut on it has the same ones.
    static let tokenizerText = FuzzTarget(name: "tokenizer-text", longest: 512) { bytes in
        guard let tokenizer = BytePairs.tokenizer else { return demand(false, "the file of this target is no tokenizer") }
        var prompt = PromptText()
        for (index, piece) in bytes.split(separator: 0).enumerated() {
            let text = String(decoding: piece, as: UTF8.self)
            if index.isMultiple(of: 2) { prompt.append(template: text) } else { prompt.append(content: text) }
        }
        var tokens: [TokenID] = [], cuts: [TextCut] = []
        guard
            (try? tokenizer.encode(prompt, from: .start, atMost: .max, isCancelled: { false }, into: &tokens, cuts: &cuts)) != nil
        else { return demand(false, "a text cannot be encoded") }
        var text: [UInt8] = []
        var detokenizer = IncrementalDetokenizer(tokenizer.vocabulary, showsSpecials: true)
        detokenizer.append(tokens.span, to: &text)
        detokenizer.finish(into: &text)
        demand(text == prompt.utf8, "the text does not come back from its tokens")
        if !prompt.runs.contains(where: \.isTrusted) {
            demand(!tokens.contains { tokenizer.vocabulary.isSpecial($0) }, "a client's text became a special token")
        }
        for cut in cuts {
            var rest = Array(tokens.prefix(cut.tokens)), later: [TextCut] = []
            try? tokenizer.encode(prompt, from: cut, atMost: .max, isCancelled: { false }, into: &rest, cuts: &later)
            demand(rest == tokens, "from a cut on there are other tokens")
        }
    }
}

/// A small byte-level tokenizer with merges and added tokens.
enum BytePairs {
    static let encoded = file.encoded()
    static let tokenizer = try? BPETokenizer(parsing: encoded)

    private static var file: JSONValue {
        var vocabulary = JSONObject()
        var next: UInt32 = 256
        for byte in 0..<256 as Range<UInt32> {
            let isShown = 0x21...0x7E ~= byte || 0xA1...0xAC ~= byte || 0xAE...0xFF ~= byte
            vocabulary[String(Character(UnicodeScalar(isShown ? byte : next)!))] = .number(JSONNumber(Int64(byte)))
            if !isShown { next += 1 }
        }
        let merges = [("a", "b"), ("ab", "c"), ("Ġ", "a"), ("Ġ", "Ġ"), ("ĠĠ", "ĠĠ"), ("<", "x"), ("1", "2")]
        for (index, merge) in merges.enumerated() { vocabulary[merge.0 + merge.1] = .number(JSONNumber(Int64(256 + index))) }
        let added: [JSONValue] = ["<s>", "<s", "</s>"].enumerated().map { index, text in
            ["id": .number(JSONNumber(Int64(256 + merges.count + index))), "content": .string(text), "special": .bool(index != 1)]
        }
        return [
            "added_tokens": .array(added), "decoder": ["type": "ByteLevel"],
            "pre_tokenizer": ["type": "ByteLevel", "add_prefix_space": false, "use_regex": true],
            "model": [
                "type": "BPE", "vocab": .object(vocabulary), "merges": .array(merges.map { [.string($0.0), .string($0.1)] }),
            ],
        ]
    }
}
