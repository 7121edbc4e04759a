/// The head of a message: its bytes, kept once, and where its fields stand in them.
///
/// Its memory can take another head when this one is over: see `clear`.
public struct FieldTable: Sendable {
    public struct Entry: Sendable {
        public let name: Range<Int32>
        public let value: Range<Int32>

        static let none = Entry(name: 0..<0, value: 0..<0)

        @inlinable @inline(__always)
        public var nameCount: Int { Int(name.upperBound &- name.lowerBound) }

        /// Most names differ in their length, and are not looked at.
        @inlinable @inline(__always)
        public func isNamed(_ wanted: StaticString, in bytes: UnsafeRawBufferPointer) -> Bool {
            nameCount == wanted.utf8CodeUnitCount && HTTPText.isName(FieldTable.part(bytes, name), wanted)
        }
    }

    /// The head in its first bytes; what is behind them is left from another.
    @usableFromInline var memory: [UInt8] = []
    public internal(set) var byteCount = 0
    /// The fields first, as in `memory`.
    @usableFromInline var places: [Entry] = []
    public internal(set) var count = 0

    /// Of an ordinary request: a fresh table grows to this at once.
    private static let usualFields = 24

    @inlinable @inline(__always)
    public init() {}

    /// What it keeps while it holds nothing.
    @inlinable @inline(__always)
    public var capacity: Int { memory.capacity + places.capacity * MemoryLayout<Entry>.stride }

    // MARK: Reading

    @inlinable @inline(__always)
    public func withBytes<Result, Failure: Error>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Result) throws(Failure) -> Result {
        try memory.withUnsafeBufferPointer { (memory) throws(Failure) in
            try body(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: memory[..<byteCount])))
        }
    }

    @inlinable @inline(__always)
    public func withEntries<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<Entry>, UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try places.withUnsafeBufferPointer { (places) throws(Failure) in
            try withBytes { (bytes) throws(Failure) in try body(UnsafeBufferPointer(rebasing: places[..<count]), bytes) }
        }
    }

    /// The first value of a field, whose name is compared without regard to case.
    package subscript(_ name: StaticString) -> String? {
        withEntries { entries, bytes in
            for entry in entries where entry.isNamed(name, in: bytes) {
                return String(decoding: Self.part(bytes, entry.value), as: UTF8.self)
            }
            return nil
        }
    }

    /// The same for a name that is known only at run time.
    package subscript(named name: String) -> String? {
        var name = name
        return name.withUTF8 { name in
            withEntries { entries, bytes in
                let name = UnsafeRawBufferPointer(name)
                for entry in entries where entry.nameCount == name.count && HTTPText.isSame(Self.part(bytes, entry.name), name) {
                    return String(decoding: Self.part(bytes, entry.value), as: UTF8.self)
                }
                return nil
            }
        }
    }

    package func values(of name: StaticString) -> [String] {
        withEntries { entries, bytes in
            entries.filter { $0.isNamed(name, in: bytes) }
                .map { String(decoding: Self.part(bytes, $0.value), as: UTF8.self) }
        }
    }

    /// The values of a field, without making strings.
    package func forEachValue(of name: StaticString, _ body: (UnsafeRawBufferPointer) -> Void) {
        withEntries { entries, bytes in
            for entry in entries where entry.isNamed(name, in: bytes) { body(Self.part(bytes, entry.value)) }
        }
    }

    /// Whether a field is there, without making strings.
    package func contains(_ name: StaticString) -> Bool {
        withEntries { entries, bytes in entries.contains { $0.isNamed(name, in: bytes) } }
    }

    /// All fields in order.
    package var all: [(name: String, value: String)] { places[..<count].map { (text($0.name), text($0.value)) } }

    package func text(_ range: Range<Int32>) -> String {
        withBytes { String(decoding: Self.part($0, range), as: UTF8.self) }
    }

    @inlinable @inline(__always)
    public static func part(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int32>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[Int(range.lowerBound)..<Int(range.upperBound)])
    }

    // MARK: Filling

    /// Holds nothing any more, and keeps its memory for what comes.
    package mutating func clear() {
        byteCount = 0
        count = 0
    }

    mutating func append(_ more: UnsafeRawBufferPointer) {
        let end = byteCount + more.count
        if end <= memory.count {
            memory.withUnsafeMutableBytes { UnsafeMutableRawBufferPointer(rebasing: $0[byteCount..<end]).copyMemory(from: more) }
        } else {
            memory.removeLast(memory.count - byteCount)
            memory.append(contentsOf: more)
        }
        byteCount = end
    }

    mutating func removeLast(_ excess: Int) { byteCount -= excess }

    mutating func append(_ entry: Entry, atMost most: Int) {
        makeRoom(atMost: most)
        places[count] = entry
        count += 1
    }

    /// For one field more, `most` at last.
    private mutating func makeRoom(atMost most: Int) {
        guard count == places.count else { return }
        let room = min(most, max(Self.usualFields, 2 * count))
        places.append(contentsOf: repeatElement(Entry.none, count: room - count))
    }

    /// Adds the fields from `start` on as long as nothing about them is unusual, they end by `end`, and there are no more than `most` in all.
    /// Gives where the line behind them begins.
    mutating func appendPlainFields(from start: Int, endingBy end: Int, atMost most: Int) -> Int {
        var start = start
        repeat {
            makeRoom(atMost: most)
            let room = min(places.count, most), end = min(end, byteCount)
            var filled: [Entry] = []
            swap(&filled, &places)
            (count, start) = filled.withUnsafeMutableBufferPointer { entries in
                withBytes { Self.readPlainFields($0, from: start, to: end, into: .init(rebasing: entries[..<room]), behind: count) }
            }
            swap(&filled, &places)
        } while count == places.count && count < most
        return start
    }

    private static func readPlainFields(
        _ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int, into entries: UnsafeMutableBufferPointer<Entry>,
        behind count: Int
    ) -> (count: Int, next: Int) {
        guard let bytes = bytes.baseAddress else { return (count, start) }
        var start = start, count = count
        while count < entries.count, let (entry, next) = PlainField.read(bytes, from: start, to: end) {
            entries[count] = entry
            count &+= 1
            start = next
        }
        return (count, start)
    }
}
