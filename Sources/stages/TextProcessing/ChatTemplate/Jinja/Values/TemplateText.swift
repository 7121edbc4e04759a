/// A string inside a template: UTF-8 bytes that know which of them a client wrote. Parts of it share its memory.
struct TemplateText: Sendable {
    enum Trust: Sendable {
        case trusted
        case untrusted
        /// Runs in the order of `storage`, from its beginning.
        case mixed([PromptText.Run])
        /// What the filter `safe` returns: a string that escapes plain ones which are added to it, as Python's `Markup` does.
        case markup([PromptText.Run])
    }

    let storage: [UInt8]
    private let first: UInt32
    private let last: UInt32
    let trust: Trust

    /// Bytes of `storage`, which must be valid UTF-8 between the bounds.
    init(_ storage: [UInt8], _ range: Range<Int>, _ trust: Trust) {
        self.storage = storage
        first = UInt32(truncatingIfNeeded: range.lowerBound)
        last = UInt32(truncatingIfNeeded: range.upperBound)
        self.trust = trust
    }

    init(_ bytes: [UInt8], isTrusted: Bool) { self.init(bytes, 0..<bytes.count, isTrusted ? .trusted : .untrusted) }

    init(trusted text: StaticString) {
        self.init(text.withUTF8Buffer { Array($0) }, isTrusted: true)
    }

    init(client text: String) { self.init(Array(text.utf8), isTrusted: false) }

    static let empty = TemplateText([], isTrusted: true)

    @inline(__always) var range: Range<Int> { Range(uncheckedBounds: (Int(first), Int(last))) }
    @inline(__always) var count: Int { Int(last) - Int(first) }
    @inline(__always) var isEmpty: Bool { first == last }
    @inline(__always) var bytes: ArraySlice<UInt8> { storage[range] }
    var string: String { String(decoding: bytes, as: UTF8.self) }

    var isMarkup: Bool { if case .markup = trust { true } else { false } }

    /// Offsets count from this text's beginning and lie between code points.
    func part(_ bounds: Range<Int>) -> TemplateText {
        TemplateText(storage, Int(first) + bounds.lowerBound..<Int(first) + bounds.upperBound, trust)
    }

    /// The same words without the special behaviour of a `Markup`.
    var plain: TemplateText {
        if case .markup(let runs) = trust { TemplateText(storage, range, .mixed(runs)) } else { self }
    }

    var markup: TemplateText {
        if isMarkup { return self }
        var builder = TextBuilder()
        builder.append(self)
        return TemplateText(builder.bytes, 0..<builder.bytes.count, .markup(builder.runs))
    }

    /// Whether the byte at an offset may belong to a special token.
    func isTrusted(at offset: Int) -> Bool {
        switch trust {
        case .trusted: return true
        case .untrusted: return false
        case .mixed(let runs), .markup(let runs): return Self.run(of: Int(first) + offset, in: runs).isTrusted
        }
    }

    /// The run that holds a place of the storage.
    private static func run(of place: Int, in runs: [PromptText.Run]) -> PromptText.Run { runs[index(of: place, in: runs)] }

    /// By halving: a text may have as many runs as bytes.
    static func index(of place: Int, in runs: [PromptText.Run]) -> Int {
        var low = 0
        var high = runs.count - 1
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].end > place { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Its parts of one kind, in order, as ranges of the storage.
    func forEachRun<Failure: Error>(_ body: (Range<Int>, _ isTrusted: Bool) throws(Failure) -> Void) throws(Failure) {
        guard !isEmpty else { return }
        switch trust {
        case .trusted: try body(range, true)
        case .untrusted: try body(range, false)
        case .mixed(let runs), .markup(let runs):
            var place = range.lowerBound
            var index = Self.index(of: place, in: runs)
            while place < range.upperBound {
                let end = min(runs[index].end, range.upperBound)
                try body(place..<end, runs[index].isTrusted)
                place = end
                index += 1
            }
        }
    }

    func hasSameBytes(as other: TemplateText) -> Bool {
        guard count == other.count else { return false }
        return storage.withUnsafeBufferPointer { own in
            other.storage.withUnsafeBufferPointer { theirs in
                // From the end: texts that are compared with each other often begin alike.
                var rest = count
                while rest > 0 {
                    rest -= 1
                    if own[Int(first) + rest] != theirs[Int(other.first) + rest] { return false }
                }
                return true
            }
        }
    }

    func precedes(_ other: TemplateText) -> Bool { bytes.lexicographicallyPrecedes(other.bytes) }
}
