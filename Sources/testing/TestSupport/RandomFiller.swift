package import ClusterModel
package import WireProtocol

/// Fills the fields of a message: the source of random messages for tests, and of the vectors.
///
/// Sizes are small, so that thousands of messages are made and cut at every byte in little time.
package struct RandomFiller: FieldCoder {
    package enum Fullness: Sendable {
        /// Options are absent, lists, texts and bytes empty.
        case empty
        /// Options are present, lists have two elements, sets of variants one of each record and an unknown one.
        case full
        case random
    }

    private var random: SeededRandom
    private let fullness: Fullness

    package init(seed: UInt64, _ fullness: Fullness = .random) {
        random = SeededRandom(seed: seed)
        self.fullness = fullness
    }

    /// A message of type `M` that a writer accepts and a reader gives back.
    package static func message<M: WireMessage>(_ type: M.Type, seed: UInt64, _ fullness: Fullness = .random) -> M {
        var filler = RandomFiller(seed: seed, fullness), message = M()
        do throws(WireError) { try message.layout(&filler) } catch { preconditionFailure("filling \(M.kind) failed: \(error)") }
        return message
    }

    // MARK: Numbers

    package mutating func u8(_ name: StaticString, _ value: inout UInt8) {
        // These two say how many elements follow.
        let counts = ["tokenCount", "topCount"].contains(name.description)
        value = counts ? UInt8(size()) : integer()
    }

    package mutating func u16(_ name: StaticString, _ value: inout UInt16) { value = integer() }
    package mutating func u32(_ name: StaticString, _ value: inout UInt32) { value = integer() }
    package mutating func u64(_ name: StaticString, _ value: inout UInt64) { value = integer() }
    package mutating func i32(_ name: StaticString, _ value: inout Int32) { value = integer() }

    package mutating func f32(_ name: StaticString, _ value: inout Float) {
        value = Float(Int8(truncatingIfNeeded: random.next())) / (chance(4) ? 3 : 8)
    }

    package mutating func checksum(_ name: StaticString) {}

    package mutating func bool(_ name: StaticString, _ value: inout Bool) { value = present() }

    package mutating func bits(_ name: StaticString, _ value: inout UInt8, known: UInt8) {
        value =
            switch fullness {
            case .empty: 0
            case .full: known
            case .random: UInt8(truncatingIfNeeded: random.next()) & known
            }
    }

    package mutating func choice<E: WireEnum>(_ name: StaticString, _ value: inout E) {
        value = E.allCases.randomElement(using: &random) ?? value
    }

    // MARK: Bytes

    package mutating func text(_ name: StaticString, _ value: inout String, atMost limit: Int) {
        value = ""
        for _ in 0..<size() {
            let piece = ["a", "Z", "7", "-", "\"", "\\", "\n", "ä", "語", "🙂"].randomElement(using: &random) ?? "a"
            if value.utf8.count + piece.utf8.count <= limit { value += piece }
        }
    }

    package mutating func bytes(_ name: StaticString, _ value: inout [UInt8], atMost limit: Int) { value = someBytes(atMost: limit) }
    package mutating func rest(_ name: StaticString, _ value: inout [UInt8]) { value = someBytes(atMost: 8) }

    package mutating func digest(_ name: StaticString, _ value: inout Digest) {
        let bytes = (0..<Digest.byteCount).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        if let digest = Digest(bytes) { value = digest }
    }

    package mutating func u32s(_ name: StaticString, _ value: inout [UInt32], atMost limit: Int) {
        value = (0..<min(size(), limit)).map { _ in integer() }
    }

    package mutating func u64s(_ name: StaticString, _ value: inout [UInt64], atMost limit: Int) {
        value = (0..<min(size(), limit)).map { _ in integer() }
    }

    package mutating func u32Array(_ name: StaticString, _ value: inout [UInt32], count: Int) {
        value = (0..<count).map { _ in integer() }
    }

    // MARK: Records

    package mutating func array<R: WireRecord>(_ name: StaticString, _ value: inout [R], count: Int) throws(WireError) {
        value = []
        for _ in 0..<count { value.append(try filled()) }
    }

    package mutating func record<R: WireRecord>(_ name: StaticString, _ value: inout R) throws(WireError) { value = try filled() }

    package mutating func optional<R: WireRecord>(_ name: StaticString, _ value: inout R?) throws(WireError) {
        value = present() ? try filled() : nil
    }

    package mutating func list<R: WireRecord>(_ name: StaticString, _ value: inout [R], atMost limit: Int) throws(WireError) {
        try array(name, &value, count: min(size(), limit))
    }

    package mutating func sizedList<R: WireRecord>(_ name: StaticString, _ value: inout [R], atMost limit: Int) throws(WireError) {
        try array(name, &value, count: min(size(), limit))
    }

    package mutating func variants<V: WireVariant>(_ name: StaticString, _ value: inout [V], atMost limit: Int) throws(WireError) {
        value = []
        for tag in tags(of: V.self) {
            var variant = V(tag: tag)
            try variant.layout(&self)
            value.append(variant)
        }
    }

    package mutating func later<R: WireRecord>(_ name: StaticString, tag: UInt16, _ value: inout R?) throws(WireError) {
        try optional(name, &value)
    }

    // MARK: Draws

    private static let unknownTag: UInt8 = 250

    private mutating func tags<V: WireVariant>(of type: V.Type) -> [UInt8] {
        switch fullness {
        case .empty: []
        case .full: V.records.map(\.tag) + [Self.unknownTag]
        case .random:
            (0..<size()).map { _ in chance(10) ? Self.unknownTag : V.records.randomElement(using: &random)?.tag ?? Self.unknownTag }
        }
    }

    private mutating func filled<R: WireRecord>() throws(WireError) -> R {
        var record = R()
        try record.layout(&self)
        return record
    }

    /// Half of the integers are small, so that they could be counts or positions, and the rest use every bit.
    private mutating func integer<T: FixedWidthInteger>() -> T {
        let bits = T(truncatingIfNeeded: random.next())
        return chance(2) ? bits & 0x3F : bits
    }

    private mutating func someBytes(atMost limit: Int) -> [UInt8] {
        (0..<min(size() * 3, limit)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    private mutating func size() -> Int {
        switch fullness {
        case .empty: 0
        case .full: 2
        case .random: Int(random.next() % 4)
        }
    }

    private mutating func present() -> Bool {
        switch fullness {
        case .empty: false
        case .full: true
        case .random: chance(2)
        }
    }

    private mutating func chance(_ oneIn: UInt64) -> Bool { random.next() % oneIn == 0 }
}
