/// What an engine calls a block: a number of 64 bits, signed or not, or up to 32 bytes. It means nothing outside of that engine's life.
package struct EngineBlockHash: Hashable, Sendable {
    private let first: UInt64
    private let second: UInt64
    private let third: UInt64
    private let fourth: UInt64
    /// Of bytes; a number has none.
    private let byteCount: UInt8

    package init(_ number: UInt64) {
        (first, second, third, fourth, byteCount) = (number, 0, 0, 0, .max)
    }

    /// Nil for more bytes than a hash has.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count <= EngineEventLimits.hashBytes else { return nil }
        func word(_ index: Int) -> UInt64 { bytes.dropFirst(8 * index).prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
        (first, second, third, fourth, byteCount) = (word(0), word(1), word(2), word(3), UInt8(bytes.count))
    }

    init(from reader: inout MessagePackReader) throws(MessagePackError) {
        switch try reader.nextKind() {
        case .binary:
            let place = reader.offset
            guard let hash = EngineBlockHash(try reader.binary(atMost: EngineEventLimits.hashBytes)) else {
                throw .tooLong(limit: EngineEventLimits.hashBytes, at: place)
            }
            self = hash
        default: self.init(try reader.integerBits())
        }
    }
}
