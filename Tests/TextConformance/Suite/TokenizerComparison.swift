import ClusterModel
import TextProcessing

/// One tokenizer beside its oracle, text by text.
struct TokenizerComparison {
    private static let cutsOfOneText = 8

    private let tokenizer: BPETokenizer
    private(set) var cases = 0
    private(set) var failures: [String] = []
    private var bytes = 0
    private var cuts = 0
    /// Texts of runs of bytes that are no UTF-8, which the oracle replaces byte by byte, and we as the Unicode standard does.
    private var brokenTexts = 0

    init(_ tokenizer: BPETokenizer) { self.tokenizer = tokenizer }

    var summary: String {
        "\(cases) texts of \(bytes) bytes, \(cuts) cuts, \(brokenTexts) texts that are no UTF-8: \(failures.isEmpty ? "all equal" : "\(failures.count) differ")"
    }

    mutating func compare(_ wanted: TokenizersCheck.Case) {
        cases += 1
        bytes += wanted.text.count
        var prompt = PromptText(raw: String(decoding: wanted.text, as: UTF8.self))
        prompt.addsSpecials = wanted.addsSpecials
        var tokens: [TokenID] = []
        var found: [TextCut] = []
        do throws(TextError) {
            try tokenizer.encode(prompt, from: .start, atMost: .max, isCancelled: { false }, into: &tokens, cuts: &found)
        } catch {
            return fail(wanted, "\(error)")
        }
        if tokens != wanted.ids {
            let place = zip(tokens, wanted.ids).enumerated().first { $1.0 != $1.1 }?.offset ?? min(tokens.count, wanted.ids.count)
            return fail(
                wanted,
                "token \(place): \(tokens.dropFirst(max(0, place - 2)).prefix(6)) for \(wanted.ids.dropFirst(max(0, place - 2)).prefix(6))")
        }
        compareTexts(tokens, wanted)
        compareCuts(found, prompt, wanted)
    }

    private mutating func compareTexts(_ tokens: [TokenID], _ wanted: TokenizersCheck.Case) {
        for (showsSpecials, text) in [(false, wanted.plain), (true, wanted.full)] {
            var decoded: [UInt8] = []
            var detokenizer = IncrementalDetokenizer(tokenizer.vocabulary, showsSpecials: showsSpecials)
            for token in tokens { detokenizer.append([token].span, to: &decoded) }
            detokenizer.finish(into: &decoded)
            guard decoded != text else { continue }
            // A text that had no U+FFFD and has some was broken by leaving special tokens out of a run of bytes.
            if contains(replacement: text), !contains(replacement: wanted.text) {
                brokenTexts += 1
            } else {
                fail(wanted, "text of its tokens: \(clip(decoded)) for \(clip(text))")
            }
        }
    }

    private mutating func compareCuts(_ found: [TextCut], _ prompt: PromptText, _ wanted: TokenizersCheck.Case) {
        // All where there are few; a long text with thousands would be encoded thousands of times.
        let step = max(1, found.count / TokenizerComparison.cutsOfOneText)
        for cut in stride(from: 0, to: found.count, by: step).map({ found[$0] }) {
            cuts += 1
            var rest = Array(wanted.ids.prefix(cut.tokens))
            var behind: [TextCut] = []
            do throws(TextError) {
                try tokenizer.encode(prompt, from: cut, atMost: .max, isCancelled: { false }, into: &rest, cuts: &behind)
            } catch {
                return fail(wanted, "from \(cut): \(error)")
            }
            guard rest == wanted.ids else { return fail(wanted, "from \(cut): other tokens") }
            guard behind == found.filter({ $0.byte > cut.byte }) else { return fail(wanted, "from \(cut): other cuts") }
            // What stands before a cut has its tokens whatever follows.
            var beginning = PromptText(raw: String(decoding: wanted.text.prefix(cut.byte), as: UTF8.self))
            beginning.addsSpecials = wanted.addsSpecials
            var alone: [TokenID] = []
            guard (try? tokenizer.encode(beginning, atMost: .max, into: &alone)) != nil, alone.starts(with: wanted.ids.prefix(cut.tokens))
            else {
                return fail(wanted, "up to \(cut): other tokens")
            }
        }
    }

    private func contains(replacement text: [UInt8]) -> Bool {
        text.indices.contains { text[$0...].starts(with: [0xEF, 0xBF, 0xBD]) }
    }

    private mutating func fail(_ wanted: TokenizersCheck.Case, _ reason: String) {
        failures.append("\(clip(wanted.text)): \(reason)")
    }

    private func clip(_ text: [UInt8]) -> String { String(decoding: text.prefix(160), as: UTF8.self).debugDescription }
}
