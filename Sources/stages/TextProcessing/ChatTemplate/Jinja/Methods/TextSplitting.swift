/// Takes texts apart at other texts; the parts share the memory of the whole.
struct TextSplitting {
    private let rendering: Rendering

    init(_ rendering: Rendering) { self.rendering = rendering }

    /// At a separator, or at white space. `limit` cuts at most; below 0: all of them.
    func split(_ text: TemplateText, _ separator: TemplateText?, limit: Int, fromRight: Bool) throws(TemplateError) -> [TemplateValue] {
        guard let separator else { return try words(text, limit: limit, fromRight: fromRight) }
        guard !separator.isEmpty else { throw rendering.failure("an empty separator") }
        let search = TextSearch(rendering)
        var parts: [TemplateText] = []
        if fromRight {
            var end = text.count
            while limit < 0 || parts.count < limit, let found = try search.last(separator, in: text, before: end) {
                parts.append(text.part(found + separator.count..<end))
                end = found
                try rendering.spend(1)
            }
            parts.append(text.part(0..<end))
            parts.reverse()
        } else {
            var start = 0
            while limit < 0 || parts.count < limit, let found = try search.first(separator, in: text, from: start) {
                parts.append(text.part(start..<found))
                start = found + separator.count
                try rendering.spend(1)
            }
            parts.append(text.part(start..<text.count))
        }
        return parts.map { .text($0) }
    }

    private func words(_ text: TemplateText, limit: Int, fromRight: Bool) throws(TemplateError) -> [TemplateValue] {
        try rendering.spend(text.count / 4 + 1)
        if fromRight && limit >= 0 { return try wordsFromRight(text, limit: limit) }
        let bytes = text.bytes
        let base = bytes.startIndex
        var parts: [TemplateText] = []
        var place = bytes.startIndex
        while place < bytes.endIndex {
            place = PythonText.trimmed(bytes[place...], left: true, right: false).lowerBound
            guard place < bytes.endIndex else { break }
            if limit >= 0 && parts.count == limit {
                parts.append(text.part(place - base..<text.count))
                break
            }
            let start = place
            while place < bytes.endIndex, PythonText.blank(at: place, in: bytes) == 0 {
                place += min(PythonText.length(of: bytes[place]), bytes.endIndex - place)
            }
            parts.append(text.part(start - base..<place - base))
        }
        return parts.map { .text($0) }
    }

    private func wordsFromRight(_ text: TemplateText, limit: Int) throws(TemplateError) -> [TemplateValue] {
        let bytes = text.bytes
        let base = bytes.startIndex
        var parts: [TemplateText] = []
        var end = bytes.endIndex
        while true {
            end = PythonText.trimmed(bytes[..<end], left: false, right: true).upperBound
            guard end > base else { break }
            if parts.count == limit {
                parts.append(text.part(0..<end - base))
                break
            }
            var start = end
            while start > base {
                let last = PythonText.lastScalar(of: bytes[base..<start])
                guard PythonText.blank(at: last, in: bytes) == 0 else { break }
                start = last
            }
            parts.append(text.part(start - base..<end - base))
            end = start
        }
        return parts.reversed().map { .text($0) }
    }

    /// At what Python takes for line ends.
    func lines(_ text: TemplateText, keepsEnds: Bool) throws(TemplateError) -> [TemplateValue] {
        try rendering.spend(text.count / 4 + 1)
        var parts: [TemplateValue] = []
        let bytes = text.bytes
        let base = bytes.startIndex
        var (start, place) = (base, base)
        while place < bytes.endIndex {
            let length = Self.lineEnd(at: place, in: bytes)
            if length > 0 {
                parts.append(.text(text.part(start - base..<(keepsEnds ? place + length : place) - base)))
                start = place + length
            }
            place += max(1, length)
        }
        if start < bytes.endIndex { parts.append(.text(text.part(start - base..<text.count))) }
        return parts
    }

    static func lineEnd(at place: Int, in bytes: ArraySlice<UInt8>) -> Int {
        switch bytes[place] {
        case 0x0D: place + 1 < bytes.endIndex && bytes[place + 1] == 0x0A ? 2 : 1
        case 0x0A, 0x0B, 0x0C, 0x1C, 0x1D, 0x1E: 1
        case 0xC2: place + 1 < bytes.endIndex && bytes[place + 1] == 0x85 ? 2 : 0
        case 0xE2: place + 2 < bytes.endIndex && bytes[place + 1] == 0x80 && (bytes[place + 2] == 0xA8 || bytes[place + 2] == 0xA9) ? 3 : 0
        default: 0
        }
    }

    /// `limit` times at most; below 0: everywhere.
    func replace(
        _ text: TemplateText, _ old: TemplateText, _ new: TemplateText, limit: Int
    ) throws(TemplateError) -> TemplateText {
        var builder = TextBuilder(reserving: text.count)
        var (place, done) = (0, 0)
        let search = TextSearch(rendering)
        if old.isEmpty { return try spread(text, new, limit: limit) }
        while limit < 0 || done < limit, let found = try search.first(old, in: text, from: place) {
            try rendering.spend(bytes: new.count)
            builder.append(text.part(place..<found))
            builder.append(new)
            place = found + old.count
            done += 1
        }
        if done == 0 { return text }
        builder.append(text.part(place..<text.count))
        return builder.text()
    }

    /// An empty text is found around each code point.
    private func spread(_ text: TemplateText, _ new: TemplateText, limit: Int) throws(TemplateError) -> TemplateText {
        let points = try CodePoints(text, rendering)
        var builder = TextBuilder(reserving: text.count)
        var done = 0
        for index in 0...points.count {
            if limit < 0 || done < limit {
                try rendering.spend(bytes: new.count)
                builder.append(new)
                done += 1
            }
            if index < points.count { builder.append(text.part(points.offset(index)..<points.offset(index + 1))) }
        }
        return builder.text()
    }
}

struct TextTrimming {
    private let rendering: Rendering

    init(_ rendering: Rendering) { self.rendering = rendering }

    /// Takes blanks, or any of some characters, from the ends.
    func strip(_ text: TemplateText, _ characters: TemplateText?, left: Bool, right: Bool) throws(TemplateError) -> TemplateText {
        let bytes = text.bytes
        guard let characters else {
            let range = PythonText.trimmed(bytes, left: left, right: right)
            try rendering.spend(bytes: text.count - range.count)
            return range.count == text.count ? text : text.part(range.lowerBound - bytes.startIndex..<range.upperBound - bytes.startIndex)
        }
        var set: Set<Unicode.Scalar> = []
        try rendering.spend(characters.count)
        for scalar in characters.string.unicodeScalars { set.insert(scalar) }
        var (start, end) = (bytes.startIndex, bytes.endIndex)
        while left, start < end, set.contains(PythonText.scalar(at: start, in: bytes)) { start += PythonText.length(of: bytes[start]) }
        while right, start < end {
            let last = PythonText.lastScalar(of: bytes[start..<end])
            guard set.contains(PythonText.scalar(at: last, in: bytes)) else { break }
            end = last
        }
        try rendering.spend(text.count - (end - start))
        return text.part(start - bytes.startIndex..<end - bytes.startIndex)
    }
}

struct TextPadding {
    enum Side { case left, right, center, number }

    private let rendering: Rendering

    init(_ rendering: Rendering) { self.rendering = rendering }

    /// As wide as wanted, the text at one side; `number` puts the fill behind a sign.
    func padded(_ text: TemplateText, _ width: Int, _ fill: TemplateText, _ side: Side) throws(TemplateError) -> TemplateText {
        let count = try CodePoints(text, rendering).count
        guard try CodePoints(fill, rendering).count == 1 else { throw rendering.failure("the fill must be one character") }
        guard width > count else { return text }
        let (bytes, overflow) = (width - count).multipliedReportingOverflow(by: fill.count)
        guard !overflow, bytes <= TextLimits.promptBytes else {
            throw .limit(line: rendering.line, reason: "a text of more than \(TextLimits.promptBytes) bytes")
        }
        try rendering.spend(width - count)
        let missing = width - count
        let before =
            switch side {
            case .left: 0
            case .right, .number: missing
            // Python gives the odd one to the left where the width is odd.
            case .center: missing / 2 + (missing & width & 1)
            }
        var builder = TextBuilder(reserving: text.count + bytes)
        var rest = text
        if side == .number, let first = text.bytes.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
            builder.append(text.part(0..<1))
            rest = text.part(1..<text.count)
        }
        for _ in 0..<before { builder.append(fill) }
        builder.append(rest)
        for _ in before..<missing { builder.append(fill) }
        return builder.text()
    }
}
