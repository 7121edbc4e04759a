import ClusterModel

extension Vocabulary {
    /// What the tokens of a file spell; those that it does not name spell nothing.
    convenience init(_ file: TokenizerFile) throws(TextError) {
        // By token: the entry of the model's vocabulary, or the added token behind all of those. An added token counts.
        var sources = [Int32](repeating: -1, count: file.count)
        let entries = file.model.entries
        for (index, entry) in entries.enumerated() { sources[Int(entry.id)] = Int32(index) }
        for (index, token) in file.addedTokens.enumerated() { sources[Int(token.id)] = Int32(entries.count + index) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(file.model.text.count)
        var ends: [UInt32] = []
        ends.reserveCapacity(file.count)
        try file.model.text.withUnsafeBufferPointer { text throws(TextError) in
            for (token, source) in sources.enumerated() {
                var fits = true
                if source >= entries.count {
                    file.addedTokens[Int(source) - entries.count].content.withUnsafeBufferPointer {
                        fits = file.spelling.append($0, to: &bytes)
                    }
                } else if source >= 0 {
                    fits = file.spelling.append(UnsafeBufferPointer(rebasing: text[file.model.text(of: Int(source))]), to: &bytes)
                }
                guard fits, bytes.count <= TextLimits.spellingBytes else {
                    throw .invalidFile(name: TokenizerFile.name, path: "decoder", reason: "makes too many bytes of token \(token)")
                }
                ends.append(UInt32(bytes.count))
            }
        }
        let specials = file.addedTokens.filter(\.isSpecial).sorted { $0.id < $1.id }
            .map { (String(decoding: $0.content, as: UTF8.self), $0.id) }
        self.init(bytes, ends: ends, specials: specials, beginning: file.spelling.beginning)
    }
}
