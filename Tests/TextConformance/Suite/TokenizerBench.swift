import ClusterModel
import TextProcessing

/// How fast texts become tokens, and back: printed for the eye, as times on shared machines fail nothing.
enum TokenizerBench {
    /// `FILE TEXT`: a tokenizer.json, and a text of about a megabyte.
    static func run(_ arguments: [String]) throws(CheckError) -> Bool {
        guard arguments.count == 2 else { throw CheckError(reason: "a tokenizer.json and a text are expected") }
        let file = try Files.bytes(arguments[0])
        let text = PromptText(raw: try Files.text(arguments[1]))
        do throws(TextError) { try measure(file, text) } catch { throw CheckError(reason: "\(error)") }
        return true
    }

    private static func measure(_ file: [UInt8], _ text: PromptText) throws(TextError) {
        var clock = Stopwatch()
        var tokenizer = try BPETokenizer(parsing: file)
        print("ours: loaded in \(clock.milliseconds) ms")
        var tokens: [TokenID] = []
        var cold = Double.infinity
        for _ in 0..<3 {
            tokenizer = try BPETokenizer(parsing: file)
            tokens.removeAll(keepingCapacity: true)
            clock = Stopwatch()
            try tokenizer.encode(text, atMost: .max, into: &tokens)
            cold = min(cold, clock.seconds)
        }
        var warm = Double.infinity
        for _ in 0..<10 {
            tokens.removeAll(keepingCapacity: true)
            clock = Stopwatch()
            try tokenizer.encode(text, atMost: .max, into: &tokens)
            warm = min(warm, clock.seconds)
        }
        var decoding = Double.infinity
        var decoded: [UInt8] = []
        for _ in 0..<5 {
            decoded.removeAll(keepingCapacity: true)
            var detokenizer = IncrementalDetokenizer(tokenizer.vocabulary)
            clock = Stopwatch()
            detokenizer.append(tokens.span, to: &decoded)
            detokenizer.finish(into: &decoded)
            decoding = min(decoding, clock.seconds)
        }
        func speed(_ seconds: Double) -> Double { (Double(text.utf8.count) / seconds / 1e5).rounded() / 10 }
        print("ours: cold \(speed(cold)) MB/s, warm \(speed(warm)) MB/s, decode \(speed(decoding)) MB/s, \(tokens.count) tokens")
        var short = Double.infinity
        let prompt = PromptText(raw: "hello world, this is a short prompt")
        for _ in 0..<200 {
            tokens.removeAll(keepingCapacity: true)
            clock = Stopwatch()
            try tokenizer.encode(prompt, atMost: .max, into: &tokens)
            short = min(short, clock.seconds)
        }
        print("ours: short prompt \((short * 1e7).rounded() / 10) us")
        for (name, unit) in [("letters", "a"), ("blanks", " "), ("marks", "\u{301}"), ("line ends and blanks", "\n "), ("added", "<|")] {
            for count in [100_000, 200_000] {
                let long = PromptText(raw: String(repeating: unit, count: count / unit.utf8.count))
                tokens.removeAll(keepingCapacity: true)
                clock = Stopwatch()
                try tokenizer.encode(long, atMost: .max, into: &tokens)
                print("ours: \(count) bytes of \(name): \((clock.seconds * 1e4).rounded() / 10) ms")
            }
        }
    }
}
