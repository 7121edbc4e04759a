/// A number in a `BlockTable`; it stays the same as long as the block is there.
typealias BlockNumber = UInt32

/// One block: 24 bytes, and 4 of its bucket.
struct BlockEntry: BitwiseCopyable {
    /// How its holders are kept.
    enum Form: UInt32 {
        /// Up to two, here.
        case inline = 0
        /// In the list pool: `first` refers to it, `second` has the count, the size and how many lookups ask for.
        case list
        /// As bits: `first` is the number of its `WideHolders`.
        case wide
        /// No block; `next` is the next free one.
        case free
    }

    /// Of no block; also the most that a table can number.
    static let none: BlockNumber = 0x0FFF_FFFF

    var hash: UInt64 = 0
    /// In the same bucket.
    var next = BlockEntry.none
    /// The parent's number, the form, and whether it was used of late.
    private var link = BlockEntry.none | Form.free.rawValue << 28
    var first = Holding.none
    var second = Holding.none

    @inline(__always) init() {}

    /// Whoever sets it sees to it that the parent outlives the link.
    @inline(__always) var parent: BlockNumber {
        get { link & Self.none }
        set { link = link & ~Self.none | newValue }
    }

    @inline(__always) var form: Form {
        get {
            switch link >> 28 & 3 {
            case Form.inline.rawValue: .inline
            case Form.list.rawValue: .list
            case Form.wide.rawValue: .wide
            default: .free
            }
        }
        set { link = link & ~(3 << 28) | newValue.rawValue << 28 }
    }

    /// Stored or matched since the hand of the eviction last passed.
    @inline(__always) var isRecent: Bool {
        get { link & 1 << 30 != 0 }
        set { link = newValue ? link | 1 << 30 : link & ~(1 << 30) }
    }

    // MARK: A list's head

    @inline(__always) var listCount: Int { Int(second.bits & 0xFFF) }
    @inline(__always) var listPrimaries: Int { Int(second.bits >> 12 & 0xFFF) }
    @inline(__always) var listClass: Int { Int(second.bits >> 24) }

    @inline(__always)
    mutating func setList(count: Int, primaries: Int, sizeClass: Int) {
        second = Holding(bits: UInt32(count) | UInt32(primaries) << 12 | UInt32(sizeClass) << 24)
    }
}

extension UnsafeMutablePointer<BlockEntry> {
    /// The two holders that lie in the entry itself.
    @inline(__always) var holdings: UnsafeMutablePointer<Holding> {
        (UnsafeMutableRawPointer(self) + 16).assumingMemoryBound(to: Holding.self)
    }
}
