/// Unicode's canonical forms: NFC and NFD. Time is linear in the text, whatever marks it heaps up.
enum CanonicalForm {
    /// True if NFC leaves the text as it is; false if it may not.
    static func isComposed(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let base = text.baseAddress else { return true }
        let data = CanonicalData.tables
        var place = ByteSearch.endOfASCII(base, from: 0, to: text.count)
        while place < text.count {
            // Below U+00C0 nothing is composed or decomposed.
            guard text[place] >= 0xC3 else {
                place += 1
                continue
            }
            let (code, length) = UTF8Scalar.read(base + place)
            if data.mayChange[code] != 0 { return false }
            place += length
        }
        return true
    }

    static func apply(to passage: inout Normalizer.Passage, composes: Bool) {
        var worker = CanonicalWorker(composes: composes)
        worker.run(&passage)
    }
}

/// Text under way to its canonical form, a starter and the marks behind it at a time.
private struct CanonicalWorker {
    private struct Part {
        var code: UInt32
        var order: UInt8
    }

    private let data = CanonicalData.tables
    private let composes: Bool
    private var parts: [Part] = []
    private var sorted: [Part] = []
    private var result: [UInt8] = []

    init(composes: Bool) { self.composes = composes }

    mutating func run(_ passage: inout Normalizer.Passage) {
        let text = passage.text
        result.reserveCapacity(text.count)
        var marks = passage.marks.makeIterator()
        var mark = marks.next()
        var moved: [Int] = []
        text.withUnsafeBufferPointer { text in
            guard let base = text.baseAddress else { return }
            var place = 0
            while place < text.count {
                if text[place] < 0x80, place + 1 == text.count || text[place + 1] < 0x80 {
                    while let wanted = mark, wanted == place {
                        moved.append(result.count)
                        mark = marks.next()
                    }
                    result.append(text[place])
                    place += 1
                    continue
                }
                let start = place
                let written = result.count
                place = gather(base, from: place, to: text.count)
                flush()
                while let wanted = mark, wanted < place {
                    moved.append(wanted == start ? written : result.count)
                    mark = marks.next()
                }
            }
        }
        while mark != nil {
            moved.append(result.count)
            mark = marks.next()
        }
        passage.text = result
        passage.marks = moved
    }

    /// Takes one code point, and those behind it that it may compose or change places with.
    private mutating func gather(_ base: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int {
        var place = start
        while place < end {
            let (code, length) = UTF8Scalar.read(base + place)
            guard place == start || data.attaches[code] != 0 else { break }
            decompose(code)
            place += length
        }
        return place
    }

    private mutating func decompose(_ code: UInt32) {
        if let (lead, vowel, tail) = Hangul.parts(of: code) {
            for part in [lead, vowel, tail] where part != 0 { parts.append(Part(code: part, order: 0)) }
        } else if let (first, second) = data.decomposition(of: code) {
            decompose(first)
            if second != 0 { decompose(second) }
        } else {
            parts.append(Part(code: code, order: data.orders[code]))
        }
    }

    private mutating func flush() {
        reorder()
        if composes { compose() }
        for part in parts { UTF8Scalar.append(part.code, to: &result) }
        parts.removeAll(keepingCapacity: true)
    }

    /// Sorts each run of marks by its order, and leaves equal ones as they are: counted, so that a long run costs no more for each.
    private mutating func reorder() {
        var start = 0
        while start < parts.count {
            guard parts[start].order > 0 else {
                start += 1
                continue
            }
            var end = start
            var isSorted = true
            while end < parts.count, parts[end].order > 0 {
                if end > start, parts[end - 1].order > parts[end].order { isSorted = false }
                end += 1
            }
            if !isSorted { sort(start..<end) }
            start = end
        }
    }

    private mutating func sort(_ range: Range<Int>) {
        var places = [Int](repeating: 0, count: 257)
        for index in range { places[Int(parts[index].order) + 1] += 1 }
        for order in 1..<257 { places[order] += places[order - 1] }
        sorted.removeAll(keepingCapacity: true)
        sorted.append(contentsOf: parts[range])
        for part in sorted {
            parts[range.lowerBound + places[Int(part.order)]] = part
            places[Int(part.order)] += 1
        }
    }

    private mutating func compose() {
        var starter: Int?
        var kept = 0
        // Of the last part that stayed behind the starter; 0 while there is none: what is between blocks its equals and betters.
        var last: UInt8 = 0
        for index in parts.indices {
            let part = parts[index]
            if let place = starter, last == 0 || last < part.order,
                let whole = data.composition(of: parts[place].code, part.code)
            {
                parts[place].code = whole
                continue
            }
            if part.order == 0 {
                starter = kept
                last = 0
            } else {
                last = part.order
            }
            parts[kept] = part
            kept += 1
        }
        parts.removeLast(parts.count - kept)
    }
}
