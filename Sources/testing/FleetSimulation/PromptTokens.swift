package import ClusterModel
package import LoadGeneration

/// Tokens of a load's prompts: equal block ids give equal tokens, and what has no id is nobody else's.
package struct PromptTokens: Sendable {
    private let blockTokens: Int

    package init(blockTokens: UInt32) { self.blockTokens = Int(blockTokens) }

    /// `number`: of the request in its load; what its blocks do not cover follows from it.
    package func tokens(of request: PlannedRequest, number: Int) -> [TokenID] {
        let count = Int(request.promptTokens)
        return [TokenID](unsafeUninitializedCapacity: count) { buffer, filled in
            var place = 0
            if blockTokens > 0 {
                for block in request.blocks where place < count {
                    let end = min(place + blockTokens, count)
                    Self.fill(UnsafeMutableBufferPointer(rebasing: buffer[place..<end]), from: block &* 2)
                    place = end
                }
            }
            Self.fill(UnsafeMutableBufferPointer(rebasing: buffer[place..<count]), from: UInt64(number) &* 2 &+ 1)
            filled = count
        }
    }

    private static func fill(_ tokens: UnsafeMutableBufferPointer<TokenID>, from seed: UInt64) {
        var draw = SeededRandom(seed: seed), place = 0
        while place + 1 < tokens.count {
            let word = draw.next()
            tokens[place] = TokenID(truncatingIfNeeded: word >> 48)
            tokens[place + 1] = TokenID(truncatingIfNeeded: word & 0xFFFF)
            place += 2
        }
        if place < tokens.count { tokens[place] = TokenID(truncatingIfNeeded: draw.next() >> 48) }
    }
}
