/// A byte of an answer's text, and whether a special token of the model put it there.
///
/// A model may spell the text of a special token letter by letter: that is text. Only the token itself is a marker.
struct Symbol: Hashable, Sendable {
    let byte: UInt8
    let isSpecial: Bool

    init(_ byte: UInt8, isSpecial: Bool = false) {
        self.byte = byte
        self.isSpecial = isSpecial
    }

    var isSpace: Bool { !isSpecial && (byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09) }
    var isNewline: Bool { !isSpecial && (byte == 0x0A || byte == 0x0D) }

    static func == (symbol: Symbol, character: Unicode.Scalar) -> Bool { !symbol.isSpecial && symbol.byte == UInt8(ascii: character) }
}

/// Turns the texts of markers into the symbols that a given model writes them with.
struct MarkerSpelling: Sendable {
    /// Texts of special tokens, longest first.
    private let specials: [[UInt8]]

    init(specials: [String]) {
        self.specials = specials.map { Array($0.utf8) }.filter { !$0.isEmpty }.sorted { $0.count > $1.count }
    }

    /// A special token's text inside the marker counts only as that token.
    func symbols(_ marker: String) -> [Symbol] {
        let bytes = Array(marker.utf8)
        var symbols: [Symbol] = []
        while symbols.count < bytes.count {
            let rest = bytes[symbols.count...]
            if let special = specials.first(where: { rest.starts(with: $0) }) {
                symbols.append(contentsOf: special.map { Symbol($0, isSpecial: true) })
            } else {
                symbols.append(Symbol(rest[rest.startIndex]))
            }
        }
        return symbols
    }
}
