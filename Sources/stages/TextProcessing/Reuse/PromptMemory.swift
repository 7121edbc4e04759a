package import ClusterModel
import Concurrency

/// Prompts that were encoded lately, so that a chat which grows is not encoded anew at each turn.
///
/// What a prompt has in common with an earlier one is copied, up to the last place behind which tokens do not depend on what stands before
/// (`Tokenizer.cuts`); the rest is encoded from there. So the tokens are those of a fresh encode. Nothing is believed because of a hash: bytes
/// and trust are compared. Prompts of different groups never meet, not even in the time that they take.
package final class PromptMemory: Sendable {
    /// What became of one prompt.
    package struct Outcome: Hashable, Sendable {
        /// Bytes whose tokens were known.
        package var reused: Int
        package var total: Int
    }

    private struct State: Sendable {
        /// The newest prompt that has these bytes up to a cut, by the hash of them and of the group.
        var places: [UInt64: Place] = [:]
        var shelf = PromptShelf()
    }

    private struct Place: Sendable {
        let prompt: RememberedPrompt
        let cut: Int
    }

    private let state: Lock<State>
    private let mostBytes: Int

    /// Remembers prompts of so many bytes, what they cost counted in; 0: none.
    package init(bytes: Int) {
        mostBytes = bytes
        state = Lock(State())
    }

    /// Appends the prompt's tokens, as `tokenizer` gives them. One memory serves one tokenizer.
    package func encode(
        _ prompt: PromptText, with tokenizer: some Tokenizer, group: UInt64 = 0, atMost limit: Int, isCancelled: () -> Bool = { false },
        into tokens: inout [TokenID]
    ) throws(TextError) -> Outcome {
        let total = prompt.utf8.count
        guard mostBytes > 0, total >= TextLimits.rememberedPromptBytes else {
            try tokenizer.encode(prompt, atMost: limit, isCancelled: isCancelled, into: &tokens)
            return Outcome(reused: 0, total: total)
        }
        let places = Self.thinned(tokenizer.cuts(of: prompt)), keys = PromptKeys(prompt, places, group)
        let start = tokens.count
        let known = find(keys, prompt, group)
        let from = known.map { $0.prompt.cuts[$0.cut] } ?? PromptCut(byte: 0, tokens: 0)
        guard from.tokens <= limit else { throw .promptTooLong(limit: limit) }
        if let known { tokens.append(contentsOf: known.prompt.tokens[..<from.tokens]) }
        var cuts: [PromptCut] = []
        try tokenizer.encode(
            prompt, from: from.byte, atMost: limit - from.tokens, isCancelled: isCancelled, cuts: places, into: &tokens, counts: &cuts)
        remember(
            RememberedPrompt(prompt, group, tokens: Array(tokens[start...]), cuts: (known?.prompt.cuts[...known!.cut] ?? []) + cuts, keys: keys),
            insteadOf: known?.prompt)
        return Outcome(reused: from.byte, total: total)
    }
}
