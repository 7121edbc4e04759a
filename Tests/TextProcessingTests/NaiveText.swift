import ClusterModel

/// The WHATWG decoder as its standard writes it: a byte at a time, with its four variables.
struct NaiveUTF8 {
    private var codePoint: UInt32 = 0
    private var seen = 0
    private var needed = 0
    private var lower: UInt8 = 0x80
    private var upper: UInt8 = 0xBF

    static func decode(_ bytes: [UInt8]) -> String {
        var decoder = NaiveUTF8()
        var text = String.UnicodeScalarView()
        for byte in bytes { decoder.step(byte, &text) }
        if decoder.needed > 0 { text.append("\u{FFFD}") }
        return String(text)
    }

    private mutating func step(_ byte: UInt8, _ text: inout String.UnicodeScalarView) {
        if needed == 0 {
            switch byte {
            case 0x00...0x7F: text.append(UnicodeScalar(byte))
            case 0xC2...0xDF: begin(1, byte & 0x1F)
            case 0xE0...0xEF:
                if byte == 0xE0 { lower = 0xA0 }
                if byte == 0xED { upper = 0x9F }
                begin(2, byte & 0xF)
            case 0xF0...0xF4:
                if byte == 0xF0 { lower = 0x90 }
                if byte == 0xF4 { upper = 0x8F }
                begin(3, byte & 0x7)
            default: text.append("\u{FFFD}")
            }
            return
        }
        guard lower <= byte, byte <= upper else {
            reset()
            text.append("\u{FFFD}")
            return step(byte, &text)
        }
        lower = 0x80
        upper = 0xBF
        codePoint = codePoint << 6 | UInt32(byte & 0x3F)
        seen += 1
        guard seen == needed else { return }
        text.append(UnicodeScalar(codePoint)!)
        reset()
    }

    private mutating func begin(_ count: Int, _ bits: UInt8) {
        needed = count
        codePoint = UInt32(bits)
    }

    private mutating func reset() { (codePoint, seen, needed, lower, upper) = (0, 0, 0, 0x80, 0xBF) }
}

/// What stop texts do to a text, by looking at all of it again for every byte.
struct NaiveStops {
    let stops: [[UInt8]]
    let includesStop: Bool

    /// What is shown once `text` has come, and the stop that ended it.
    func shown(of text: [UInt8]) -> (shown: [UInt8], stop: Int?) {
        for end in text.indices.map({ $0 + 1 }) {
            let matches = stops.indices.filter { !stops[$0].isEmpty && text[..<end].hasSuffix(stops[$0]) }
            guard let longest = matches.max(by: { (stops[$0].count, $1) < (stops[$1].count, $0) }) else { continue }
            return (Array(text[..<(includesStop ? end : end - stops[longest].count)]), longest)
        }
        let held = stops.flatMap { stop in (0..<stop.count).filter { text[...].hasSuffix(Array(stop[..<$0])) } }.max() ?? 0
        return (Array(text.dropLast(held)), nil)
    }
}

extension ArraySlice<UInt8> {
    func hasSuffix(_ suffix: [UInt8]) -> Bool { suffix.count <= count && self.suffix(suffix.count).elementsEqual(suffix) }
}

extension SeededRandom {
    /// Some text of all lengths of code points.
    mutating func text(scalars count: Int) -> String {
        let ranges: [ClosedRange<UInt32>] = [0x20...0x7E, 0x80...0x7FF, 0x800...0xD7FF, 0xE000...0xFFFF, 0x1_0000...0x10_FFFF]
        var text = String.UnicodeScalarView()
        for _ in 0..<count { text.append(UnicodeScalar(UInt32.random(in: ranges.randomElement(using: &self)!, using: &self))!) }
        return String(text)
    }

    /// Bytes that are UTF-8 here and there.
    mutating func bytes(_ count: Int) -> [UInt8] {
        let often: [UInt8] = [0x41, 0x80, 0xBF, 0x9F, 0xA0, 0x90, 0x8F, 0xC1, 0xC2, 0xE0, 0xE1, 0xED, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF]
        return (0..<count).map { _ in
            Bool.random(using: &self) ? often.randomElement(using: &self)! : UInt8.random(in: 0...255, using: &self)
        }
    }

    /// Cuts into pieces of 0 to `most` elements.
    mutating func pieces<Element>(_ whole: [Element], most: Int) -> [[Element]] {
        var pieces: [[Element]] = []
        var rest = whole[...]
        while !rest.isEmpty {
            let count = Int.random(in: 0...most, using: &self)
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return pieces
    }
}
