/// Memory of one owner that grows and keeps what it holds: for the loops whose bounds are known before they begin.
///
/// Reading and writing inside `capacity` is up to the caller, who says at each loop why it stays inside.
final class OwnedBuffer<Element: BitwiseCopyable> {
    private(set) var base: UnsafeMutablePointer<Element>
    private(set) var capacity: Int

    init(capacity: Int = 0) {
        self.capacity = capacity
        base = .allocate(capacity: max(capacity, 1))
    }

    /// Full of `element`.
    convenience init(repeating element: Element, count: Int) {
        self.init(capacity: count)
        base.initialize(repeating: element, count: count)
    }

    deinit { base.deallocate() }

    var bytes: Int { capacity * MemoryLayout<Element>.stride }

    /// Room for `wanted` elements; the first `kept` stay.
    func grow(to wanted: Int, keeping kept: Int = 0) {
        guard wanted > capacity else { return }
        let roomy = max(wanted, capacity * 2, 64)
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: roomy)
        larger.update(from: base, count: kept)
        base.deallocate()
        base = larger
        capacity = roomy
    }
}
