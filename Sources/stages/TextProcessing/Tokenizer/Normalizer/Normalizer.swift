/// What is done to text before it is split, step by step.
struct Normalizer: Sendable {
    enum Step: Sendable {
        case nfc
        case nfd
        /// Put before text that is not empty.
        case prepend([UInt8])
        case replace(Pattern, [UInt8])
        /// White space at the ends.
        case strip(left: Bool, right: Bool)
    }

    let steps: [Step]

    var isEmpty: Bool { steps.isEmpty }

    /// It does nothing but put characters and their marks together.
    var onlyComposes: Bool {
        steps.allSatisfy { if case .nfc = $0 { true } else { false } }
    }

    /// Text on its way, and places in it that are followed through every step.
    struct Passage {
        var text: [UInt8]
        /// Ascending. A place inside of what is replaced moves behind the replacement.
        var marks: [Int] = []
        /// The text begins with what stood at its beginning, or with what stands for it.
        var keepsStart = true
    }

    /// True if normalizing leaves this text as it is; false if it may not.
    func isIdentity(on text: UnsafeBufferPointer<UInt8>) -> Bool {
        steps.allSatisfy { step in
            switch step {
            case .nfc: CanonicalForm.isComposed(text)
            case .nfd, .prepend, .replace, .strip: text.isEmpty
            }
        }
    }

    func apply(to passage: inout Passage) throws(TextError) {
        for step in steps {
            switch step {
            case .nfc: CanonicalForm.apply(to: &passage, composes: true)
            case .nfd: CanonicalForm.apply(to: &passage, composes: false)
            case .prepend(let prefix):
                guard !passage.text.isEmpty else { continue }
                passage.text.insert(contentsOf: prefix, at: 0)
                for index in passage.marks.indices where passage.marks[index] > 0 { passage.marks[index] += prefix.count }
            case .replace(let pattern, let replacement): try Normalizer.replace(pattern, replacement, in: &passage)
            case .strip(let left, let right): Normalizer.strip(left, right, &passage)
            }
            guard passage.text.count <= TextLimits.promptBytes else { throw .wordTooLong(limit: TextLimits.promptBytes) }
        }
    }

    private static func replace(_ pattern: Pattern, _ replacement: [UInt8], in passage: inout Passage) throws(TextError) {
        var result: [UInt8] = []
        result.reserveCapacity(passage.text.count + passage.text.count / 4)
        var marks = passage.marks.makeIterator()
        var mark = marks.next()
        var moved: [Int] = []
        var keepsStart = true
        try passage.text.withPaddedBytes { padded, count throws(TextError) in
            try pattern.pieces(of: ScalarText(padded, end: count), from: 0) { start, end, isMatch in
                let before = result.count
                if isMatch {
                    result.append(contentsOf: replacement)
                    // What is put in place of several characters counts as standing where the last of them did.
                    if start == 0, end > 0, replacement.isEmpty || end > UTF8Scalar.length(padded[0]) { keepsStart = false }
                } else {
                    result.append(contentsOf: UnsafeBufferPointer(start: padded + start, count: end - start))
                }
                while let place = mark, place < end {
                    moved.append(isMatch ? place == start ? before : result.count : before + place - start)
                    mark = marks.next()
                }
                return result.count <= TextLimits.promptBytes
            }
        }
        while mark != nil {
            moved.append(result.count)
            mark = marks.next()
        }
        passage.text = result
        passage.marks = moved
        passage.keepsStart = passage.keepsStart && keepsStart
    }

    private static func strip(_ left: Bool, _ right: Bool, _ passage: inout Passage) {
        let text = passage.text
        let (start, end) = text.withUnsafeBufferPointer { text in
            guard let base = text.baseAddress else { return (0, 0) }
            var start = 0
            var end = text.count
            while left, start < end, case let (code, length) = UTF8Scalar.read(base + start), UnicodeProperties(of: code).isWhiteSpace {
                start += length
            }
            while right, end > start {
                let last = UTF8Scalar.start(before: end, in: base)
                guard UnicodeProperties(of: UTF8Scalar.read(base + last).code).isWhiteSpace else { break }
                end = last
            }
            return (start, end)
        }
        guard start > 0 || end < text.count else { return }
        passage.keepsStart = passage.keepsStart && start == 0
        passage.text = Array(text[start..<end])
        for index in passage.marks.indices { passage.marks[index] = min(max(passage.marks[index], start), end) - start }
    }
}

extension [UInt8] {
    /// Calls `body` with the bytes in memory that may be read a word beyond them.
    mutating func withPaddedBytes<Result>(
        _ body: (UnsafePointer<UInt8>, Int) throws(TextError) -> Result
    ) throws(TextError) -> Result {
        let count = count
        append(contentsOf: repeatElement(0, count: PaddedBytes.padding))
        defer { removeLast(PaddedBytes.padding) }
        return try withUnsafeBufferPointer { bytes throws(TextError) in
            guard let base = bytes.baseAddress else { preconditionFailure("padding is never empty") }
            return try body(base, count)
        }
    }
}
