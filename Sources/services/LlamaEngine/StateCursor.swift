/// Reads state that llama.cpp wrote, from its start; every read is checked against its end.
struct StateCursor {
    private let bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { place == bytes.count }

    mutating func skip(_ count: Int) -> Bool {
        guard count >= 0, count <= bytes.count - place else { return false }
        place += count
        return true
    }

    mutating func word() -> UInt32? {
        guard bytes.count - place >= 4 else { return nil }
        defer { place += 4 }
        return (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << (8 * UInt32($1)) }
    }

    /// What stands before the rows of a tensor: its type, and the bytes of a row, or of a number and how many there are.
    mutating func tensor(transposed: Bool) -> StateForm.Tensor? {
        guard let type = word(), let size = word(), let more = word(), size > 0, size <= Self.mostRowBytes else { return nil }
        if !transposed { return more == 0 ? StateForm.Tensor(type: Int32(bitPattern: type), rowBytes: Int(size), numberBytes: 1) : nil }
        guard more > 0, more <= Self.mostRowBytes / size else { return nil }
        return StateForm.Tensor(type: Int32(bitPattern: type), rowBytes: Int(size * more), numberBytes: Int(size))
    }

    /// Keys or values of one token in one layer: a thousand times as many as any model has.
    private static let mostRowBytes: UInt32 = 64 << 20
}
