import ClusterModel

/// A prompt and its tokens.
final class RememberedPrompt: Sendable {
    let text: PromptText
    let group: UInt64
    let tokens: [TokenID]
    /// Ascending.
    let cuts: [TextCut]
    let keys: PromptKeys

    init(_ text: PromptText, _ group: UInt64, tokens: [TokenID], cuts: [TextCut], keys: PromptKeys) {
        self.text = text
        self.group = group
        self.tokens = tokens
        self.cuts = cuts
        self.keys = keys
    }

    /// About what it takes, its keys in a table among it.
    var bytes: Int {
        text.utf8.count + text.runs.count * MemoryLayout<PromptText.Run>.stride + tokens.count * MemoryLayout<TokenID>.stride
            + cuts.count * MemoryLayout<TextCut>.stride + keys.list.count * 40
    }
}

/// What an earlier prompt spares another one.
struct PromptReuse {
    let prompt: RememberedPrompt
    /// Those that both have.
    let cuts: ArraySlice<TextCut>
    /// The earlier prompt is a beginning of the other one.
    let isWhole: Bool

    /// Nil if there is no cut in what they have in common.
    init?(_ earlier: RememberedPrompt, for prompt: PromptText, _ group: UInt64) {
        guard earlier.group == group, earlier.text.addsSpecials == prompt.addsSpecials else { return nil }
        let common = min(
            Self.commonBytes(earlier.text.utf8, prompt.utf8), Self.commonTrust(earlier.text.runs, prompt.runs))
        var low = 0, high = earlier.cuts.count
        while low < high {
            let middle = (low + high) / 2
            if earlier.cuts[middle].reach <= common { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return nil }
        self.prompt = earlier
        cuts = earlier.cuts[..<low]
        isWhole = common == earlier.text.utf8.count
    }

    var cut: TextCut { cuts[cuts.endIndex - 1] }

    /// How long both begin alike.
    private static func commonBytes(_ one: [UInt8], _ other: [UInt8]) -> Int {
        let most = min(one.count, other.count)
        return one.withUnsafeBytes { one in
            other.withUnsafeBytes { other in
                var place = 0
                // Both have `most` bytes.
                while most - place >= 64 {
                    let eight =
                        one.loadUnaligned(fromByteOffset: place, as: SIMD8<UInt64>.self)
                        ^ other.loadUnaligned(fromByteOffset: place, as: SIMD8<UInt64>.self)
                    let four = eight.lowHalf | eight.highHalf, two = four.lowHalf | four.highHalf
                    guard two[0] | two[1] == 0 else { break }
                    place += 64
                }
                while place < most, one[place] == other[place] { place += 1 }
                return place
            }
        }
    }

    /// Up to where both trust the same bytes.
    private static func commonTrust(_ one: [PromptText.Run], _ other: [PromptText.Run]) -> Int {
        var end = 0
        for (left, right) in zip(one, other) {
            guard left.isTrusted == right.isTrusted else { return end }
            guard left.end == right.end else { return min(left.end, right.end) }
            end = left.end
        }
        return end
    }
}
