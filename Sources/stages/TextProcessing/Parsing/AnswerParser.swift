/// Reads one answer of a model while it comes: what is said, what is thought, and which tools are called with what.
///
/// What is certain is told at once. Held back is what may still become a marker, shorter than the longest one; white space that may belong to
/// a marker, up to `TextLimits.heldSpaceBytes`; and the head of what looks like a call until its name and arguments are there, up to
/// `TextLimits.heldCallBytes`. The events do not depend on how the text was cut, once neighbours of one kind are joined. What turns out to be
/// no call comes out as content; a call that breaks off ends as it is. Costs a few operations a byte, whatever the text.
package struct AnswerParser: Sendable {
    private enum Mode: Sendable {
        case plain
        case marked(ReasoningSplitter, ToolCallScanner)
        case harmony(HarmonyParser)
        /// The whole text, behind its thoughts, is the arguments of one call.
        case forced(ReasoningSplitter, ForcedCall)
    }

    private var mode: Mode

    /// `startsInReasoning`: the prompt has opened a thought, or the model always begins with one that it does not open.
    package init(_ format: AnswerFormat, tools: ToolList, startsInReasoning: Bool = false) {
        if format.isHarmony {
            mode = .harmony(HarmonyParser(tools: tools, spelling: format.spelling))
        } else if format.isPlain {
            mode = .plain
        } else {
            let scanner = ToolCallScanner(format.tools, tools: tools, spelling: format.spelling)
            mode = .marked(Self.splitter(format, startsInReasoning), scanner)
        }
    }

    /// For engines that were made to write the arguments of this tool and nothing else.
    package init(_ format: AnswerFormat, forcing tool: String, startsInReasoning: Bool = false) {
        mode = .forced(Self.splitter(format, startsInReasoning), ForcedCall(tool))
    }

    private static func splitter(_ format: AnswerFormat, _ startsInside: Bool) -> ReasoningSplitter {
        // A special token that begins calls ends a thought that the model forgot to close.
        let ends = (format.tools?.grammar.openers ?? []).map(format.spelling.symbols).filter { $0.contains(where: \.isSpecial) }
        return ReasoningSplitter(format.reasoning, startsInside: startsInside, ends: ends, spelling: format.spelling)
    }

    /// What comes now is thought, unless it ends the thought.
    package var isThinking: Bool {
        switch mode {
        case .plain: false
        case .marked(let splitter, _), .forced(let splitter, _): splitter.isInside
        case .harmony(let parser): parser.isThinking
        }
    }

    /// Bytes that came and are not told yet.
    package var heldBytes: Int {
        switch mode {
        case .plain: 0
        case .marked(let splitter, let scanner): splitter.heldBytes + scanner.heldBytes
        case .harmony(let parser): parser.heldBytes
        case .forced(let splitter, let call): splitter.heldBytes + call.heldBytes
        }
    }

    /// Takes the next piece of the text; `specials` are the parts of it that are special tokens, ascending.
    package mutating func append(_ text: Span<UInt8>, specials: [Range<Int>] = [], into events: inout AnswerEvents) {
        var position = 0
        for special in specials {
            append(text.extracting(position..<special.lowerBound), isSpecial: false, &events)
            append(text.extracting(special), isSpecial: true, &events)
            position = special.upperBound
        }
        append(text.extracting(position..<text.count), isSpecial: false, &events)
    }

    /// No more text comes: what waits is told as what it is.
    package mutating func finish(into events: inout AnswerEvents) {
        switch mode {
        case .plain: break
        case .marked(var splitter, var scanner):
            mode = .plain
            swap(&events, &scanner.sink.events)
            splitter.finish(&scanner.sink.events)
            for symbol in splitter.released { scanner.step(symbol) }
            scanner.finish()
            swap(&events, &scanner.sink.events)
            mode = .marked(splitter, scanner)
        case .harmony(var parser):
            mode = .plain
            swap(&events, &parser.sink.events)
            parser.finish()
            swap(&events, &parser.sink.events)
            mode = .harmony(parser)
        case .forced(var splitter, var call):
            mode = .plain
            splitter.finish(&events)
            for symbol in splitter.released { call.append(symbol, &events) }
            call.finish(&events)
            mode = .forced(splitter, call)
        }
    }

    private mutating func append(_ text: Span<UInt8>, isSpecial: Bool, _ events: inout AnswerEvents) {
        guard !text.isEmpty else { return }
        switch mode {
        case .plain: text.withUnsafeBufferPointer { events.append(.content, $0) }
        case .marked(var splitter, var scanner):
            mode = .plain  // so that the parsers are not copied while they change
            swap(&events, &scanner.sink.events)
            Self.append(text, isSpecial, &splitter, &scanner)
            swap(&events, &scanner.sink.events)
            mode = .marked(splitter, scanner)
        case .harmony(var parser):
            mode = .plain
            swap(&events, &parser.sink.events)
            Self.append(text, isSpecial, &parser)
            swap(&events, &parser.sink.events)
            mode = .harmony(parser)
        case .forced(var splitter, var call):
            mode = .plain
            for index in text.indices {
                _ = splitter.step(Symbol(text[index], isSpecial: isSpecial), &events)
                for symbol in splitter.released { call.append(symbol, &events) }
            }
            mode = .forced(splitter, call)
        }
    }

    private static func append(
        _ text: Span<UInt8>, _ isSpecial: Bool, _ splitter: inout ReasoningSplitter, _ scanner: inout ToolCallScanner
    ) {
        var position = 0
        while position < text.count {
            if !isSpecial {
                let start = position
                if splitter.isPassing, scanner.isPassing {
                    while position < text.count, !scanner.mayStart(text[position]), !splitter.mayStart(text[position]) { position += 1 }
                    scanner.pass(text.extracting(start..<position))
                } else if splitter.isThinking {
                    while position < text.count, !splitter.mayEndThought(text[position]) { position += 1 }
                    splitter.think(text.extracting(start..<position), &scanner.sink.events)
                }
                guard position < text.count else { return }
            }
            let found = splitter.step(Symbol(text[position], isSpecial: isSpecial), &scanner.sink.events)
            if case .closed = found { scanner.reasoningEnded() }
            for symbol in splitter.released { scanner.step(symbol) }
            if case .opened = found { scanner.finish() }
            position += 1
        }
    }

    private static func append(_ text: Span<UInt8>, _ isSpecial: Bool, _ parser: inout HarmonyParser) {
        var position = 0
        while position < text.count {
            if !isSpecial, let kind = parser.passing {
                let start = position
                while position < text.count, !parser.mayStart(text[position]) { position += 1 }
                text.extracting(start..<position).withUnsafeBufferPointer { parser.sink.events.append(kind, $0) }
                guard position < text.count else { return }
            }
            parser.step(Symbol(text[position], isSpecial: isSpecial))
            position += 1
        }
    }
}
