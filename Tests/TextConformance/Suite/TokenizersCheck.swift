import ClusterModel
import TextProcessing

/// Every vocabulary that could be rebuilt: ids and texts equal to Hugging Face's, and the same ids from every cut on.
enum TokenizersCheck {
    /// `FOLDER`: what `vocabularies.py` made.
    static func run(_ arguments: [String]) throws(CheckError) -> Bool {
        guard arguments.count == 1 else { throw CheckError(reason: "the folder of what to compare is expected") }
        let folder = arguments[0]
        var isRight = true
        for line in try Files.text("\(folder)/table").split(separator: "\n") {
            let parts = line.split(separator: "\t", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw CheckError(reason: "the table has an odd line") }
            var outcome: Outcome
            if parts[1].hasPrefix("not comparable") {
                outcome = try refused(parts[0], folder)
            } else {
                outcome = try compared(parts[0], folder)
            }
            print("\(parts[0]): \(parts[1]); \(outcome.summary)")
            for failure in outcome.failures.prefix(5) { print("    \(failure)") }
            isRight = isRight && outcome.failures.isEmpty
        }
        return isRight
    }

    private struct Outcome {
        var summary = ""
        var failures: [String] = []
    }

    private static func refused(_ name: String, _ folder: String) throws(CheckError) -> Outcome {
        do throws(TextError) {
            _ = try BPETokenizer(parsing: Files.bytesOrEmpty("\(folder)/\(name).refused.json"))
            return Outcome(failures: ["was not refused"])
        } catch {
            guard case .invalidFile(_, "model.type", let reason) = error, reason.hasSuffix("is not supported") else {
                return Outcome(failures: ["\(error)"])
            }
            return Outcome(summary: "refused: \(error)")
        }
    }

    private static func compared(_ name: String, _ folder: String) throws(CheckError) -> Outcome {
        let file = try Files.bytes("\(folder)/\(name).json")
        let tokenizer: BPETokenizer
        let clock = Stopwatch()
        do throws(TextError) { tokenizer = try BPETokenizer(parsing: file) } catch { return Outcome(failures: ["\(error)"]) }
        let loaded = clock.milliseconds
        var cases = Cases(try Files.bytes("\(folder)/\(name).cases"))
        var comparison = TokenizerComparison(tokenizer)
        while let next = cases.next() { comparison.compare(next) }
        guard cases.isAtEnd else { throw CheckError(reason: "\(name).cases is cut off") }
        guard comparison.cases > 0 else { throw CheckError(reason: "\(name).cases is empty") }
        return Outcome(summary: "\(comparison.summary), loaded in \(loaded) ms", failures: comparison.failures)
    }

    /// One text, and what the oracle makes of it.
    struct Case {
        var addsSpecials: Bool
        var text: [UInt8]
        var ids: [TokenID]
        /// Of the ids, without special tokens and with them.
        var plain: [UInt8]
        var full: [UInt8]
    }

    private struct Cases {
        private let bytes: [UInt8]
        private var place = 0

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        var isAtEnd: Bool { place == bytes.count }

        mutating func next() -> Case? {
            guard place < bytes.count else { return nil }
            let kind = bytes[place]
            place += 1
            guard let text = part(), let ids = part(), let plain = part(), let full = part() else { return nil }
            var tokens: [TokenID] = []
            _ = TokenBytes.appendTokens(from: ids.span.bytes, to: &tokens)
            return Case(addsSpecials: kind == 1, text: text, ids: tokens, plain: plain, full: full)
        }

        private mutating func part() -> [UInt8]? {
            guard place + 4 <= bytes.count else { return nil }
            let count = (0..<4).reduce(0) { $0 | Int(bytes[place + $1]) << ($1 * 8) }
            guard place + 4 + count <= bytes.count else { return nil }
            defer { place += 4 + count }
            return Array(bytes[place + 4..<place + 4 + count])
        }
    }
}
