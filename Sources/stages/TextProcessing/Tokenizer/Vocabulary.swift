package import ClusterModel

/// The bytes behind each token, flat and immutable, shared by everything that turns tokens into text.
package final class Vocabulary: Sendable {
    /// Token t is `bytes[ends[t - 1]..<ends[t]]`.
    private let bytes: [UInt8]
    private let ends: [UInt32]
    /// What a text loses at its beginning.
    let beginning: TokenSpelling.Beginning
    /// One bit a token.
    private let special: [UInt64]
    private let specialsByText: [String: TokenID]
    /// Ascending by token.
    package let specials: [(text: String, token: TokenID)]

    /// Tokens are counted from 0 in the order of `tokens`. At most 4 GiB of bytes.
    convenience init(_ tokens: [(bytes: [UInt8], isSpecial: Bool)]) {
        var bytes: [UInt8] = []
        var ends: [UInt32] = []
        var specials: [(String, TokenID)] = []
        ends.reserveCapacity(tokens.count)
        for (index, token) in tokens.enumerated() {
            bytes.append(contentsOf: token.bytes)
            ends.append(UInt32(bytes.count))
            if token.isSpecial { specials.append((String(decoding: token.bytes, as: UTF8.self), TokenID(index))) }
        }
        self.init(bytes, ends: ends, specials: specials, beginning: .whole)
    }

    /// `specials` must be ascending by token.
    init(_ bytes: [UInt8], ends: [UInt32], specials: [(String, TokenID)], beginning: TokenSpelling.Beginning) {
        self.bytes = bytes
        self.ends = ends
        self.beginning = beginning
        self.specials = specials
        var special = [UInt64](repeating: 0, count: (ends.count + 63) / 64)
        for (_, token) in specials { special[Int(token) / 64] |= 1 << (Int(token) % 64) }
        self.special = special
        specialsByText = Dictionary(specials, uniquingKeysWith: { first, _ in first })
    }

    package var count: Int { ends.count }

    package func contains(_ token: TokenID) -> Bool { Int(token) < ends.count }

    /// Bytes that the token spells; none for a token beyond the vocabulary.
    package func length(of token: TokenID) -> Int {
        let index = Int(token)
        guard index < ends.count else { return 0 }
        return Int(ends[index]) - (index == 0 ? 0 : Int(ends[index - 1]))
    }

    package func special(_ text: String) -> TokenID? { specialsByText[text] }

    /// The first token that spells this text. Looks at all of them: for the time when a model is read.
    func token(spelling text: String) -> TokenID? {
        var start = 0
        for (token, end) in ends.enumerated() {
            if bytes[start..<Int(end)].elementsEqual(text.utf8) { return TokenID(token) }
            start = Int(end)
        }
        return nil
    }

    @inline(__always)
    package func isSpecial(_ token: TokenID) -> Bool {
        let index = Int(token)
        return index < ends.count && special[index / 64] >> (index % 64) & 1 == 1
    }

    /// Appends what the token spells, which may be part of a code point only. Nothing for a token beyond the vocabulary: models pad theirs.
    @inline(__always)
    package func append(_ token: TokenID, to text: inout [UInt8]) {
        let index = Int(token)
        guard index < ends.count else { return }
        text.append(contentsOf: bytes[(index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index])])
    }
}
