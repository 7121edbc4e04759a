import ClusterModel
import Glibc
import TextProcessing

/// How fast one thread of ours turns a text into tokens, in bytes a second of its processor time.
struct TokenizerSpeed {
    /// By a tokenizer that has just been made: no word of the text is in its memory before the text brings it.
    private(set) var cold = 0.0
    /// By the same one, again.
    private(set) var warm = 0.0
    private(set) var tokens = 0

    /// The best of several passes each.
    init(file: [UInt8], text: String, passes: Int) throws(BenchmarkFailure) {
        let prompt = PromptText(raw: text)
        var tokens: [TokenID] = []
        do throws(TextError) {
            // Once for the tokens to have their room.
            try BPETokenizer(parsing: file).encode(prompt, atMost: .max, into: &tokens)
            for _ in 0..<passes {
                let tokenizer = try BPETokenizer(parsing: file)
                cold = max(cold, try Self.speed(of: tokenizer, prompt, &tokens))
                warm = max(warm, try Self.speed(of: tokenizer, prompt, &tokens))
            }
        } catch { throw BenchmarkFailure("the text cannot be tokenized: \(error)") }
        self.tokens = tokens.count
    }

    private static func speed(
        of tokenizer: BPETokenizer, _ prompt: PromptText, _ tokens: inout [TokenID]
    ) throws(TextError) -> Double {
        tokens.removeAll(keepingCapacity: true)
        let start = threadSeconds
        try tokenizer.encode(prompt, atMost: .max, into: &tokens)
        return Double(prompt.utf8.count) / (threadSeconds - start)
    }

    private static var threadSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
