import ClusterModel

/// A regular expression that is a row of characters and classes with counts, such as `^[A-Z]{2}-\d+$`: no group, no choice, nothing looked for
/// ahead. Others are not understood here.
struct SchemaPattern: Sendable {
    private struct Part {
        /// Ranges of code points, ascending as they were written.
        var ranges: [ClosedRange<UInt32>]
        var least = 1
        var most = 1
    }

    private var parts: [Part] = []
    private var ranges = 0
    private var least = 0
    private var isAnchoredAtStart = false
    private var isAnchoredAtEnd = false

    init?(_ source: String) {
        var rest = Substring(source).unicodeScalars
        if rest.first == "^" {
            isAnchoredAtStart = true
            rest = rest.dropFirst()
        }
        while let scalar = rest.popFirst() {
            if scalar == "$" {
                guard rest.isEmpty else { return nil }
                isAnchoredAtEnd = true
                break
            }
            guard let ranges = Self.ranges(scalar, &rest), parts.count < SchemaLimits.patternParts else { return nil }
            var part = Part(ranges: ranges)
            guard Self.count(&part, &rest) else { return nil }
            parts.append(part)
            self.ranges += ranges.count
            least += part.least
            guard self.ranges <= SchemaLimits.patternRanges, least <= SchemaLimits.madeBytes else { return nil }
        }
    }

    private static let digits: [ClosedRange<UInt32>] = [0x30...0x39]
    private static let letters: [ClosedRange<UInt32>] = [0x61...0x7A, 0x41...0x5A, 0x30...0x39, 0x5F...0x5F]
    private static let printable: [ClosedRange<UInt32>] = [0x61...0x7A, 0x20...0x60, 0x7B...0x7E]

    private static func ranges(
        _ scalar: Unicode.Scalar, _ rest: inout Substring.UnicodeScalarView
    ) -> [ClosedRange<UInt32>]? {
        switch scalar {
        case ".": return printable
        case "\\": return rest.popFirst().flatMap(escaped)
        case "[": return members(&rest)
        case "(", ")", "|", "*", "+", "?", "{", "}", "]", "^": return nil
        default: return [scalar.value...scalar.value]
        }
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> [ClosedRange<UInt32>]? {
        switch scalar {
        case "d": digits
        case "w": letters
        case "s": [0x20...0x20]
        case "-", "/", ".", "_", " ", ":", "@", "#", "%", "&", ",", ";", "=", "!", "~", "'", "\"", "<", ">": [scalar.value...scalar.value]
        case "\\", "^", "$", "*", "+", "?", "(", ")", "[", "]", "{", "}", "|": [scalar.value...scalar.value]
        default: nil
        }
    }

    /// Up to the closing bracket.
    private static func members(_ rest: inout Substring.UnicodeScalarView) -> [ClosedRange<UInt32>]? {
        var ranges: [ClosedRange<UInt32>] = []
        if rest.first == "^" { return nil }
        while let scalar = rest.popFirst() {
            if scalar == "]" { return ranges.isEmpty ? nil : ranges }
            guard ranges.count <= SchemaLimits.patternRanges else { return nil }
            var from = [scalar.value...scalar.value]
            if scalar == "\\" {
                guard let set = rest.popFirst().flatMap(escaped) else { return nil }
                from = set
            }
            guard rest.first == "-", rest.dropFirst().first != "]" else {
                ranges += from
                continue
            }
            rest = rest.dropFirst()
            guard from.count == 1, let end = rest.popFirst(), end != "\\", end != "[", from[0].lowerBound <= end.value else { return nil }
            ranges.append(from[0].lowerBound...end.value)
        }
        return nil
    }

    /// False if a count is wrong or too large.
    private static func count(_ part: inout Part, _ rest: inout Substring.UnicodeScalarView) -> Bool {
        switch rest.first {
        case "?": part.least = 0
        case "*": (part.least, part.most) = (0, .max)
        case "+": part.most = .max
        case "{":
            guard let end = rest.firstIndex(of: "}") else { return false }
            let bounds = rest[rest.index(after: rest.startIndex)..<end].split(separator: ",", omittingEmptySubsequences: false)
            guard let least = bounds.first.flatMap({ Int(String($0)) }), bounds.count <= 2, least <= SchemaLimits.madeBytes else {
                return false
            }
            part.least = least
            part.most = least
            if bounds.count == 2 {
                guard let most = bounds[1].isEmpty ? Int.max : Int(String(bounds[1])), most >= least else { return false }
                part.most = most
            }
            rest = rest[rest.index(after: end)...]
            return rest.first != "?" && rest.first != "+"
        default: return true
        }
        rest = rest.dropFirst()
        return rest.first != "?" && rest.first != "+"
    }

    // MARK: Texts

    func text(_ random: inout SeededRandom, isSparse: Bool) -> String {
        var text = ""
        for part in parts {
            var count = part.least
            if !isSparse, part.most > count {
                count += Int(random.next() % UInt64(min(part.most - count, SchemaLimits.patternRepeats) + 1))
            }
            for _ in 0..<count {
                let range = part.ranges[isSparse ? 0 : Int(random.next() % UInt64(part.ranges.count))]
                let value = range.lowerBound + (isSparse ? 0 : UInt32(random.next() % UInt64(range.count)))
                text.unicodeScalars.append(Unicode.Scalar(value) ?? "a")
            }
        }
        return text
    }

    /// Steps that a comparison takes, some characters each.
    func cost(of text: String) -> Int { (parts.count + ranges) * text.utf8.count / 8 }

    /// All ways at once, so that the time is that of the text and the parts.
    func matches(_ text: String) -> Bool {
        let scalars = text.unicodeScalars.map(\.value)
        // Whether the parts so far may have ended there.
        var ends = Array(repeating: !isAnchoredAtStart, count: scalars.count + 1)
        ends[0] = true
        for part in parts {
            // Where the run of characters ends that the part stands for.
            var run = scalars.count, runs = Array(repeating: scalars.count, count: scalars.count + 1)
            for place in scalars.indices.reversed() {
                if !part.ranges.contains(where: { $0.contains(scalars[place]) }) { run = place }
                runs[place] = run
            }
            // One more way begins here, and one ends before there.
            var changes = Array(repeating: 0, count: scalars.count + 2)
            for start in ends.indices where ends[start] {
                let first = start + part.least, last = part.most < scalars.count ? min(start + part.most, runs[start]) : runs[start]
                guard first <= last else { continue }
                changes[first] += 1
                changes[last + 1] -= 1
            }
            var ways = 0
            for place in ends.indices {
                ways += changes[place]
                ends[place] = ways > 0
            }
        }
        return isAnchoredAtEnd ? ends[scalars.count] : ends.contains(true)
    }
}
