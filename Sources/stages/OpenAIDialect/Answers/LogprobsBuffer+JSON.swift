import JSONText

// Both shapes in which APIs tell log probabilities.
extension LogprobsBuffer {
    /// `{"content":[{"token","logprob","bytes","top_logprobs":[…]}],"refusal":null}`.
    func appendChat(to bytes: inout [UInt8]) {
        bytes.append(static: #"{"content":["#)
        appendTokens(to: &bytes)
        bytes.append(static: #"],"refusal":null}"#)
    }

    /// `{"token","logprob","bytes","top_logprobs":[…]}` for each token, with commas between them.
    func appendTokens(to bytes: inout [UInt8]) {
        forEachToken { first, chosen, alternatives in
            if !first { bytes.append(UInt8(ascii: ",")) }
            Self.appendChat(self.bytes[span(chosen)], entries[chosen].logprob, to: &bytes)
            bytes.append(static: #","top_logprobs":["#)
            for index in alternatives {
                if index > alternatives.lowerBound { bytes.append(UInt8(ascii: ",")) }
                Self.appendChat(self.bytes[span(index)], entries[index].logprob, to: &bytes)
                bytes.append(UInt8(ascii: "}"))
            }
            bytes.append(static: "]}")
        }
    }

    /// `{"tokens":[…],"token_logprobs":[…],"top_logprobs":[{…}],"text_offset":[…]}`.
    func appendLegacy(to bytes: inout [UInt8]) {
        bytes.append(static: #"{"tokens":["#)
        forEachToken { first, chosen, _ in
            if !first { bytes.append(UInt8(ascii: ",")) }
            Self.appendText(self.bytes[span(chosen)], to: &bytes)
        }
        bytes.append(static: #"],"token_logprobs":["#)
        forEachToken { first, chosen, _ in
            if !first { bytes.append(UInt8(ascii: ",")) }
            Self.appendNumber(entries[chosen].logprob, to: &bytes)
        }
        bytes.append(static: #"],"top_logprobs":["#)
        forEachToken { first, _, alternatives in
            bytes.append(static: first ? "{" : ",{")
            // Tokens whose bytes are no UTF-8 may share a text; a name that is there twice would be no JSON for strict readers.
            var names: Set<String> = []
            for index in alternatives {
                let name = String(decoding: self.bytes[span(index)], as: UTF8.self)
                guard names.insert(name).inserted else { continue }
                if names.count > 1 { bytes.append(UInt8(ascii: ",")) }
                JSONWriter.appendQuoted(name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                Self.appendNumber(entries[index].logprob, to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(static: #"],"text_offset":["#)
        forEachToken { first, chosen, _ in
            if !first { bytes.append(UInt8(ascii: ",")) }
            JSONWriter.appendDigits(UInt64(entries[chosen].textOffset), to: &bytes)
        }
        bytes.append(static: "]}")
    }

    private func forEachToken(_ body: (_ isFirst: Bool, _ chosen: Int, _ alternatives: Range<Int>) -> Void) {
        var index = 0
        while index < entries.count {
            var end = index + 1
            while end < entries.count, !entries[end].isChosen { end += 1 }
            body(index == 0, index, index + 1..<end)
            index = end
        }
    }

    private func span(_ index: Int) -> Range<Int> { (index == 0 ? 0 : entries[index - 1].end)..<entries[index].end }

    private static func appendChat(_ token: ArraySlice<UInt8>, _ logprob: Float, to bytes: inout [UInt8]) {
        bytes.append(static: #"{"token":"#)
        appendText(token, to: &bytes)
        bytes.append(static: #","logprob":"#)
        appendNumber(logprob, to: &bytes)
        bytes.append(static: #","bytes":["#)
        for (place, byte) in token.enumerated() {
            if place > 0 { bytes.append(UInt8(ascii: ",")) }
            JSONWriter.appendDigits(UInt64(byte), to: &bytes)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    private static func appendText(_ token: ArraySlice<UInt8>, to bytes: inout [UInt8]) {
        JSONWriter.appendQuoted(String(decoding: token, as: UTF8.self), to: &bytes)
    }

    /// JSON has no infinities; this is what OpenAI's API says of tokens that could not come.
    private static let impossible: Float = -9999

    private static func appendNumber(_ logprob: Float, to bytes: inout [UInt8]) {
        let value = logprob.isFinite ? max(logprob, impossible) : impossible
        bytes.append(contentsOf: value.description.utf8)
    }
}
