/// A long array in pieces of one size: it grows without moving what is there, so that numbers and pointers into it stay good.
///
/// Memory is used as it is got, unchecked in release builds: every index comes from the tables built on this, never from input.
struct Chunks<Element: BitwiseCopyable>: ~Copyable {
    private var pieces: UnsafeMutablePointer<UnsafeMutablePointer<Element>>
    private var room = 16
    private var pieceCount = 0
    /// Stands where pieces were given back.
    private var blank: UnsafeMutablePointer<Element>?
    private var blanks = 0

    /// A piece has 2^shift elements.
    @inline(__always) static var shift: Int { 12 }

    init() { pieces = .allocate(capacity: room) }

    deinit {
        for index in 0..<pieceCount where pieces[index] != blank { pieces[index].deallocate() }
        pieces.deallocate()
        blank?.deallocate()
    }

    var capacity: Int { pieceCount << Self.shift }
    var pieceBytes: Int { MemoryLayout<Element>.stride << Self.shift }
    var bytes: Int { pieceBytes * (pieceCount - blanks + (blank == nil ? 0 : 1)) + room * MemoryLayout<UnsafeRawPointer>.stride }
    /// What the next piece takes.
    var growth: Int { pieceBytes + (pieceCount == room ? room * MemoryLayout<UnsafeRawPointer>.stride : 0) }

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
        pieces[pieceCount] = Self.piece(filledWith: value)
        pieceCount += 1
    }

    /// The last piece goes.
    mutating func shrink() {
        pieceCount -= 1
        pieces[pieceCount].deallocate()
    }

    /// A piece in the middle goes, and reads as `value` until it is made anew. It must not be written to, and `value` is always the same.
    mutating func giveBack(piece: Int, blank value: Element) {
        let shared = blank ?? Self.piece(filledWith: value)
        blank = shared
        pieces[piece].deallocate()
        pieces[piece] = shared
        blanks += 1
    }

    mutating func renew(piece: Int, filledWith value: Element) {
        pieces[piece] = Self.piece(filledWith: value)
        blanks -= 1
    }

    private static func piece(filledWith value: Element) -> UnsafeMutablePointer<Element> {
        let piece = UnsafeMutablePointer<Element>.allocate(capacity: 1 << shift)
        piece.initialize(repeating: value, count: 1 << shift)
        return piece
    }
}
