/// Text in memory that may be read a word beyond its end.
final class PaddedBytes {
    /// What may be read behind the last byte.
    static let padding = 16

    private let memory = OwnedBuffer<UInt8>()
    private(set) var count = 0

    /// What it holds on to.
    var capacity: Int { memory.bytes }
    var base: UnsafePointer<UInt8> { UnsafePointer(memory.base) }

    func assign(_ bytes: UnsafeBufferPointer<UInt8>) {
        clear(expecting: bytes.count)
        append(bytes)
    }

    func clear(expecting bytes: Int) {
        memory.grow(to: bytes + PaddedBytes.padding)
        count = 0
        pad()
    }

    func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let start = bytes.baseAddress else { return }
        memory.grow(to: count + bytes.count + PaddedBytes.padding, keeping: count)
        (memory.base + count).update(from: start, count: bytes.count)
        count += bytes.count
        pad()
    }

    private func pad() { (memory.base + count).update(repeating: 0, count: PaddedBytes.padding) }
}
