import ClusterModel
import JSONText

extension SchemaNumbers {
    /// Numbers where a schema leaves an end open, and behind the point where it says nothing of that.
    private static let plenty: Int128 = 1_000
    private static let far: Int128 = 1_000_000
    private static let usualDigits = 2

    static func node(_ facts: SchemaFacts, isWhole: Bool, _ place: String) throws(SchemaStop) -> SchemaNode {
        var scale = max(facts.minimum?.value.scale ?? 0, facts.maximum?.value.scale ?? 0, facts.multiples.map(\.scale).max() ?? 0)
        if !isWhole, facts.multiples.isEmpty { scale = min(scale + usualDigits, SchemaLimits.fractionDigits) }
        var unit: Int128 = 1
        for _ in 0..<scale { unit *= 10 }
        var step: Int128 = isWhole ? unit : 1
        for multiple in facts.multiples {
            guard let common = step.leastCommonMultiple(multiple.scaled(to: scale)), common <= unit * far * far else {
                throw .refused(ConstraintProblem("the simulated engine cannot keep this multipleOf", at: place))
            }
            step = common
        }
        let least = facts.minimum.map { $0.value.scaled(to: scale) + ($0.isOpen ? 1 : 0) }
        let most = facts.maximum.map { $0.value.scaled(to: scale) - ($0.isOpen ? 1 : 0) }
        let width = max(plenty * unit, 2 * step)
        // Near zero where that is allowed: the least of all integers is nobody's number.
        var from = least ?? (most.map { $0 < 0 ? $0 - width : 0 } ?? 0)
        if from < -far * unit, most ?? 0 >= 0 { from = 0 }
        let to = min(most ?? (from + width), from + max(far * unit, 2 * step))
        let first = from.dividedUp(by: step), last = to.dividedDown(by: step)
        guard first <= last else { return .never(ConstraintProblem("no number lies between minimum and maximum", at: place)) }
        return .number(SchemaNumbers(first: first * step, count: last - first + 1, step: step, scale: scale))
    }
}

extension SchemaTexts {
    static func node(_ facts: SchemaFacts, _ place: String) -> SchemaNode {
        let least = facts.leastLength, most = facts.mostLength
        guard least <= most else { return .never(ConstraintProblem("minLength is above maxLength", at: place)) }
        let samples = facts.format.flatMap(Self.samples)?.filter { (least...most).contains($0.unicodeScalars.count) }
        if facts.pattern == nil, samples?.isEmpty ?? false {
            return .never(ConstraintProblem("no text of this format is as long as it is to be", at: place))
        }
        return .text(SchemaTexts(least: least, most: most, samples: samples, pattern: facts.pattern))
    }

    /// Plausible ones, always the same; nil for formats that nobody checks here.
    private static func samples(of format: String) -> [String]? {
        switch format {
        case "date": ["2025-04-17", "1999-12-31", "2024-02-29"]
        case "date-time": ["2025-04-17T09:30:00Z", "1999-12-31T23:59:59Z", "2024-02-29T12:00:00+02:00"]
        case "time": ["09:30:00Z", "23:59:59Z"]
        case "duration": ["PT15M", "P1DT2H"]
        case "uuid": ["3f2b8c1e-5d47-4a90-8e6b-1c9d0f7a2b34", "9d4e1f60-7c2a-4b58-a1d3-6e8f5c0b9a72"]
        case "email", "idn-email": ["ada@example.com", "grace.hopper@example.org", "a@b.co"]
        case "uri", "iri", "uri-reference", "iri-reference", "url": ["https://example.com/a", "https://example.org/b?c=1", "http://a.co"]
        case "hostname", "idn-hostname": ["example.com", "a.example.org", "a.co"]
        case "ipv4": ["192.0.2.1", "198.51.100.7"]
        case "ipv6": ["2001:db8::1", "::1"]
        default: nil
        }
    }

    /// Characters beyond the fewest, where there may be as many.
    private static let usual = 24

    func text(_ random: inout SeededRandom, isSparse: Bool) -> String {
        if let pattern { return pattern.text(&random, isSparse: isSparse) }
        if let samples { return isSparse ? samples[0] : samples[Int(random.next() % UInt64(samples.count))] }
        if isSparse { return Self.words(least, &random) }
        let from = min(most, max(least, 3)), to = min(most, from + Self.usual)
        return Self.words(from + Int(random.next() % UInt64(to - from + 1)), &random)
    }

    /// Exactly so many letters, in words.
    private static func words(_ length: Int, _ random: inout SeededRandom) -> String {
        var text: [UInt8] = []
        while text.count < length {
            if !text.isEmpty { text.append(UInt8(ascii: " ")) }
            let choices = MockText.words[Int(random.next() % UInt64(MockText.words.count))]
            text += choices[Int(random.next() % UInt64(choices.count))]
        }
        text.removeSubrange(length...)
        if text.last == UInt8(ascii: " ") { text[length - 1] = UInt8(ascii: "s") }
        return String(decoding: text, as: UTF8.self)
    }
}
