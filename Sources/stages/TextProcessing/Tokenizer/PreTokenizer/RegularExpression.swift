internal import CPCRE2
import Concurrency

/// A pattern of a file's own, by PCRE2.
///
/// It is not compiled to machine code: PCRE2 counts what a match costs only where it interprets, and a pattern that comes with a model, over a text
/// that comes from a client, may need exponential time. The known patterns have scanners, so few models are slower for it.
final class RegularExpression: @unchecked Sendable {
    // Safety: PCRE2 lets many threads match with one compiled pattern; what a match writes belongs to the call.
    private let code: OpaquePointer
    /// What no match uses at the moment: a text may be searched piece by piece, and to make it takes longer than to search a short one.
    private let idle = Lock<[MatchMemory]>([])

    /// Nil, with the reason, if the pattern cannot be read.
    init?(_ pattern: String, reason: inout String) {
        let ruby = RubyPattern(pattern)
        if let wrong = ruby.reason {
            reason = wrong
            return nil
        }
        let translated = ruby.translated
        var number: Int32 = 0
        var offset = 0
        // What PCRE2 knows of how a match begins and ends it may look for in all that is left of a text, and for every match anew: the places of a
        // long text are tried in turn instead.
        let options = UInt32(PCRE2_UTF) | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_MULTILINE | PCRE2_NO_START_OPTIMIZE
        let context = pcre2_compile_context_create_8(nil)
        defer { pcre2_compile_context_free_8(context) }
        pcre2_set_newline_8(context, UInt32(PCRE2_NEWLINE_LF))
        guard let code = pcre2_compile_8(translated, translated.count, options, &number, &offset, context) else {
            reason = "is a pattern that cannot be read: \(RegularExpression.message(number))"
            return nil
        }
        self.code = code
    }

    deinit { pcre2_code_free_8(code) }

    private static func message(_ number: Int32) -> String {
        var text = [UInt8](repeating: 0, count: 256)
        let count = pcre2_get_error_message_8(number, &text, text.count)
        return String(decoding: text.prefix(Int(max(count, 0))), as: UTF8.self)
    }

    func pieces(
        of text: ScalarText, from start: Int, _ body: (_ start: Int, _ end: Int, _ isMatch: Bool) -> Bool
    ) throws(TextError) {
        let memory = idle.with { $0.popLast() } ?? MatchMemory()
        defer { idle.with { if $0.count < TextLimits.idleEncoders { $0.append(memory) } } }
        var search = ExpressionSearch(code, text, from: start, memory)
        var unmatched = start
        while let match = try search.next() {
            if unmatched < match.lowerBound, !body(unmatched, match.lowerBound, false) { return }
            guard body(match.lowerBound, match.upperBound, true) else { return }
            unmatched = match.upperBound
        }
        if unmatched < text.end { _ = body(unmatched, text.end, false) }
    }
}

/// What PCRE2 writes while it matches. Used by one thread at a time.
private final class MatchMemory: @unchecked Sendable {
    // Safety: whoever matches has taken it out of the expression's idle ones, under their lock, and puts it back when done.
    let data: OpaquePointer?
    let context: OpaquePointer?

    init() {
        data = pcre2_match_data_create_8(1, nil)
        context = pcre2_match_context_create_8(nil)
        pcre2_set_heap_limit_8(context, UInt32(TextLimits.patternHeapKilobytes))
    }

    deinit {
        pcre2_match_data_free_8(data)
        pcre2_match_context_free_8(context)
    }
}

/// One walk of a pattern over a text.
private struct ExpressionSearch {
    private let code: OpaquePointer
    private let base: UnsafePointer<UInt8>
    private let origin: Int
    private let length: Int
    private let data: OpaquePointer?
    private let context: OpaquePointer?
    private var place = 0
    private var lastEnd: Int?
    /// Steps that may still be made beyond `TextLimits.patternSteps` a place.
    private var budget: Int

    init(_ code: OpaquePointer, _ text: ScalarText, from start: Int, _ memory: MatchMemory) {
        self.code = code
        base = text.base + start
        origin = start
        length = text.end - start
        data = memory.data
        context = memory.context
        budget = TextLimits.patternSteps * (length + TextLimits.patternSteps)
    }

    /// The next match; empty ones among them, but none right behind the last match.
    mutating func next() throws(TextError) -> Range<Int>? {
        while place <= length {
            guard let match = try find() else { return nil }
            if match.isEmpty, match.lowerBound == lastEnd {
                place = match.upperBound < length ? match.upperBound + UTF8Scalar.length(base[match.upperBound]) : length + 1
                continue
            }
            place = match.upperBound
            lastEnd = match.upperBound
            return origin + match.lowerBound..<origin + match.upperBound
        }
        return nil
    }

    /// PCRE2 counts its steps anew at each place where a match might begin. So each place gets few; where these do not suffice, the places up to
    /// there are asked one by one, and the one at fault gets more, out of what the whole text may cost.
    private mutating func find() throws(TextError) -> Range<Int>? {
        var start = place
        while true {
            switch try match(at: start, steps: TextLimits.patternSteps, options: 0) {
            case .found(let range): return range
            case .none: return nil
            case .tooManySteps: break
            }
            var isPassed = false
            while !isPassed {
                switch try match(at: start, steps: TextLimits.patternSteps, options: UInt32(PCRE2_ANCHORED)) {
                case .found(let range): return range
                case .none: break
                case .tooManySteps:
                    if case .found(let range) = try matchDearly(at: start) { return range }
                    isPassed = true
                }
                guard start < length else { return nil }
                start += UTF8Scalar.length(base[start])
            }
        }
    }

    private mutating func matchDearly(at start: Int) throws(TextError) -> Outcome {
        var steps = TextLimits.patternSteps
        while true {
            let outcome = try match(at: start, steps: steps, options: UInt32(PCRE2_ANCHORED))
            guard case .tooManySteps = outcome else { return outcome }
            budget -= steps
            steps *= 8
            guard steps <= budget else { throw .patternTooCostly }
        }
    }

    private enum Outcome {
        case found(Range<Int>)
        case none
        case tooManySteps
    }

    private func match(at start: Int, steps: Int, options: UInt32) throws(TextError) -> Outcome {
        pcre2_set_match_limit_8(context, UInt32(clamping: steps))
        let result = pcre2_match_8(code, base, length, start, options | PCRE2_NO_UTF_CHECK, data, context)
        switch result {
        case PCRE2_ERROR_NOMATCH: return .none
        case PCRE2_ERROR_MATCHLIMIT: return .tooManySteps
        case 0...:
            let bounds = pcre2_get_ovector_pointer_8(data)!
            // A pattern may say that its match begins behind its end, or before where the search began.
            guard bounds[0] >= start, bounds[1] >= bounds[0] else { throw .patternTooCostly }
            return .found(bounds[0]..<bounds[1])
        default: throw .patternTooCostly
        }
    }
}
