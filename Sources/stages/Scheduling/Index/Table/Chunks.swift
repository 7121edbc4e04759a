/// A long array in pieces of one size: it grows without moving what is there, so that numbers and pointers into it stay good.
///
/// Memory is used as it is got, unchecked in release builds: every index comes from the tables built on this, never from input.
struct Chunks<Element: BitwiseCopyable>: ~Copyable {
    private var pieces: UnsafeMutablePointer<UnsafeMutablePointer<Element>>
    private var room = 16
    private var pieceCount = 0

    /// A piece has 2^shift elements.
    @inline(__always) static var shift: Int { 12 }

    init() { pieces = .allocate(capacity: room) }

    deinit {
        for index in 0..<pieceCount { pieces[index].deallocate() }
        pieces.deallocate()
    }

    var capacity: Int { pieceCount << Self.shift }
    var bytes: Int { (MemoryLayout<Element>.stride << Self.shift) * pieceCount + room * MemoryLayout<UnsafeRawPointer>.stride }
    /// What the next piece takes.
    var growth: Int { MemoryLayout<Element>.stride << Self.shift + (pieceCount == room ? room * MemoryLayout<UnsafeRawPointer>.stride : 0) }

    @inline(__always)
    subscript(index: Int) -> UnsafeMutablePointer<Element> {
        assert(index >= 0 && index < capacity)
        return pieces[index >> Self.shift] + (index & (1 << Self.shift - 1))
    }

    mutating func grow(filledWith value: Element) {
        if pieceCount == room {
            let wider = UnsafeMutablePointer<UnsafeMutablePointer<Element>>.allocate(capacity: 2 * room)
            wider.update(from: pieces, count: pieceCount)
            pieces.deallocate()
            pieces = wider
            room *= 2
        }
        let piece = UnsafeMutablePointer<Element>.allocate(capacity: 1 << Self.shift)
        piece.initialize(repeating: value, count: 1 << Self.shift)
        pieces[pieceCount] = piece
        pieceCount += 1
    }
}
