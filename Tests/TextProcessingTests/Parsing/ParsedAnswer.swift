import ClusterModel
import Testing

@testable import TextProcessing

/// What parsing came to, in a form that tests can write down.
struct ParsedAnswer: Hashable, CustomStringConvertible {
    struct Call: Hashable {
        var name: String
        var arguments: String
        var id: String?
        var isEnded = false

        init(_ name: String, _ arguments: String, id: String? = nil, isEnded: Bool = true) {
            self.name = name
            self.arguments = arguments
            self.id = id
            self.isEnded = isEnded
        }
    }

    /// Content, thoughts and calls in their order: `c:`, `r:` and `f:` before each.
    enum Part: Hashable {
        case content(String)
        case reasoning(String)
        case call(Call)
    }

    var parts: [Part] = []

    var content: String { parts.reduce(into: "") { if case .content(let text) = $1 { $0 += text } } }
    var reasoning: String { parts.reduce(into: "") { if case .reasoning(let text) = $1 { $0 += text } } }
    var calls: [Call] { parts.compactMap { if case .call(let call) = $0 { call } else { nil } } }
    var description: String { parts.map { "\($0)" }.joined(separator: "\n") }
}

/// Text of which parts are special tokens, a byte each.
struct TaggedText {
    var symbols: [Symbol] = []

    /// Every one of `specials` inside the text is that token.
    init(_ text: String, specials: [String] = []) { symbols = MarkerSpelling(specials: specials).symbols(text) }

    init(_ symbols: [Symbol]) { self.symbols = symbols }

    var bytes: [UInt8] { symbols.map(\.byte) }

    /// Ranges of special bytes.
    var marks: [Range<Int>] {
        var marks: [Range<Int>] = []
        for (index, symbol) in symbols.enumerated() where symbol.isSpecial {
            if let last = marks.last, last.upperBound == index {
                marks[marks.count - 1] = last.lowerBound..<index + 1
            } else {
                marks.append(index..<index + 1)
            }
        }
        return marks
    }
}

/// Collects events of many batches into one answer, and checks that they make sense.
struct EventCollector {
    private(set) var answer = ParsedAnswer()
    private var raw: [UInt8] = []
    private var open: AnswerEvents.Kind?
    private(set) var isSound = true
    private var calls = 0
    private var isInCall = false

    mutating func take(_ events: AnswerEvents) {
        for event in events.list {
            switch event.kind {
            case .content, .reasoning:
                if isInCall || event.range.isEmpty { isSound = false }
                extend(event.kind, events.text(of: event))
            case .arguments(let index):
                if !isInCall || index != calls { isSound = false }
                extend(event.kind, events.text(of: event))
            case .callBegan(let index, let name, let id):
                if isInCall || index != calls { isSound = false }
                close()
                isInCall = true
                answer.parts.append(.call(ParsedAnswer.Call(name, "", id: id, isEnded: false)))
            case .callEnded(let index):
                if !isInCall || index != calls { isSound = false }
                close()
                isInCall = false
                calls += 1
                guard case .call(var call)? = answer.parts.last else { break }
                call.isEnded = true
                answer.parts[answer.parts.count - 1] = .call(call)
            }
        }
    }

    mutating func finish() -> ParsedAnswer {
        close()
        if isInCall { isSound = false }
        return answer
    }

    private mutating func extend(_ kind: AnswerEvents.Kind, _ text: ArraySlice<UInt8>) {
        if open != kind { close() }
        open = kind
        raw += text
    }

    private mutating func close() {
        let text = String(decoding: raw, as: UTF8.self)
        switch open {
        case .content: answer.parts.append(.content(text))
        case .reasoning: answer.parts.append(.reasoning(text))
        case .arguments:
            if case .call(var call)? = answer.parts.last {
                call.arguments += text
                answer.parts[answer.parts.count - 1] = .call(call)
            }
        default: break
        }
        open = nil
        raw.removeAll()
    }
}

/// Parses a text cut into pieces at will.
struct ParserUnderTest {
    private let make: () -> AnswerParser
    private let bytes: [UInt8]
    private let marks: [Range<Int>]

    init(make: @escaping () -> AnswerParser, text: TaggedText) {
        self.make = make
        bytes = text.bytes
        marks = text.marks
    }

    struct Outcome: Equatable {
        var answer: ParsedAnswer
        var mostHeld: Int
        var isSound: Bool
    }

    /// An answer that is read up to some place.
    private struct Reading {
        var parser: AnswerParser
        var collector = EventCollector()
        var mostHeld = 0

        mutating func finish() -> Outcome {
            var events = AnswerEvents()
            parser.finish(into: &events)
            collector.take(events)
            return Outcome(answer: collector.finish(), mostHeld: mostHeld, isSound: collector.isSound)
        }
    }

    /// `cuts` ascending.
    func run(cuts: [Int]) -> Outcome {
        var reading = Reading(parser: make()), start = 0
        for cut in cuts + [bytes.count] {
            read(start..<cut, &reading)
            start = cut
        }
        return reading.finish()
    }

    private func read(_ piece: Range<Int>, _ reading: inout Reading) {
        var events = AnswerEvents()
        reading.parser.append(bytes.span.extracting(piece), specials: marks(in: piece), into: &events)
        reading.mostHeld = max(reading.mostHeld, reading.parser.heldBytes)
        reading.collector.take(events)
    }

    private func marks(in piece: Range<Int>) -> [Range<Int>] {
        var inside: [Range<Int>] = []
        for mark in marks where mark.overlaps(piece) {
            let part = mark.clamped(to: piece)
            inside.append(part.lowerBound - piece.lowerBound..<part.upperBound - piece.lowerBound)
        }
        return inside
    }

    /// The events of the whole text, which must be those of every cut, with single bytes before it and one piece behind it, and of random pieces.
    func parsed(seed: UInt64 = 0, heldAtMost: Int? = nil) -> ParsedAnswer {
        let whole = run(cuts: [])
        #expect(whole.isSound, "\(whole.answer)")
        let count = bytes.count
        var single = Reading(parser: make())
        for cut in 0..<count {
            // A copy goes on from here, so that nothing is read anew for each cut.
            var rest = single
            read(cut..<count, &rest)
            check(rest.finish(), whole, "cut everywhere up to \(cut)")
            read(cut..<cut + 1, &single)
        }
        check(single.finish(), whole, "cut everywhere")
        if let heldAtMost { #expect(single.mostHeld <= heldAtMost) }
        var random = SeededRandom(seed: seed)
        for _ in 0..<8 {
            let cuts = (0..<Int.random(in: 1...8, using: &random)).map { _ in Int.random(in: 0...count, using: &random) }.sorted()
            check(run(cuts: cuts), whole, "cut at \(cuts)")
        }
        return whole.answer
    }

    private func check(_ outcome: Outcome, _ whole: Outcome, _ how: String) {
        if outcome.answer != whole.answer || !outcome.isSound { Issue.record("\(how):\n\(outcome.answer)\ninstead of\n\(whole.answer)") }
    }
}

extension AnswerFormat {
    /// Markers are text.
    static func spelled(_ tools: ToolFormat?, _ reasoning: ReasoningFormat? = nil) -> AnswerFormat {
        AnswerFormat(tools: tools, reasoning: reasoning, specials: [])
    }
}

/// Parses a text in which all `specials` are tokens, with every cut.
func parse(
    _ text: String, _ tools: ToolFormat?, _ reasoning: ReasoningFormat? = nil, list: ToolList = .any, specials: [String] = [],
    startsInReasoning: Bool = false, heldAtMost: Int? = nil
) -> ParsedAnswer {
    let format = AnswerFormat(tools: tools, reasoning: reasoning, specials: specials)
    let make = { AnswerParser(format, tools: list, startsInReasoning: startsInReasoning) }
    return ParserUnderTest(make: make, text: TaggedText(text, specials: specials)).parsed(heldAtMost: heldAtMost)
}
