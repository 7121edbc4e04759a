package import ClusterModel
import Concurrency

/// Prompts that were encoded lately, so that a chat which grows is not encoded anew at each turn.
///
/// What a prompt has in common with an earlier one is copied, up to the last cut in it (`TextCut`); the rest is encoded from there. So the tokens
/// are those of a fresh encode. Nothing is believed because of a hash: bytes and trust are compared. Prompts of different groups never meet, not
/// even in the time that they take.
package final class PromptMemory: Sendable {
    /// What became of one prompt.
    package struct Outcome: Hashable, Sendable {
        /// Bytes whose tokens were known.
        package var reused: Int
        package var total: Int
    }

    private let shelf: Lock<PromptShelf>

    /// Remembers so many bytes of prompts and their tokens; 0: none.
    package init(bytes: Int) { shelf = Lock(PromptShelf(bytes: bytes)) }

    /// Appends the prompt's tokens, as `tokenizer` gives them. One memory serves one tokenizer.
    package func encode(
        _ prompt: PromptText, with tokenizer: some Tokenizer, group: UInt64 = 0, atMost limit: Int,
        isCancelled: () -> Bool = { false }, into tokens: inout [TokenID]
    ) throws(TextError) -> Outcome {
        let total = prompt.utf8.count, first = tokens.count
        let keys = PromptKeys(prompt, group)
        let known = shelf.with { $0.find(keys) }.flatMap { PromptReuse($0, for: prompt, group) }
        let start = known?.cut ?? .start
        guard start.tokens <= limit else { throw .promptTooLong(limit: limit) }
        if let known {
            tokens.reserveCapacity(first + Self.expectedTokens(of: total, from: start))
            tokens.append(contentsOf: known.prompt.tokens[..<start.tokens])
        }
        var cuts: [TextCut] = []
        try tokenizer.encode(prompt, from: start, atMost: limit, isCancelled: isCancelled, into: &tokens, cuts: &cuts)
        let all = (known?.cuts ?? []) + cuts
        if !keys.list.isEmpty, !all.isEmpty {
            let remembered = RememberedPrompt(prompt, group, tokens: Array(tokens[first...]), cuts: Array(all), keys: keys)
            shelf.with { $0.add(remembered, insteadOf: known?.isWhole == true ? known?.prompt : nil) }
        }
        return Outcome(reused: start.byte, total: total)
    }

    /// Of so many bytes, with an eighth more for the rest than it would have if it were like what is known: where tokens need more room than
    /// there is, all of them are copied.
    private static func expectedTokens(of bytes: Int, from start: TextCut) -> Int {
        start.tokens + (bytes - start.byte) * start.tokens / max(start.byte, 1) * 9 / 8 + leastRoom
    }

    private static let leastRoom = 64

    /// Of prompts, tokens, and what finds them.
    package var bytes: Int { shelf.with { $0.bytes } }
}
