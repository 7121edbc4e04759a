/// Memory for numbers that lives as long as this object, zero at first. Used by the thread that steps the engine alone.
final class FloatBuffer {
    let start: UnsafeMutablePointer<Float>
    let count: Int

    init(count: Int) {
        self.count = count
        start = .allocate(capacity: count)
        start.initialize(repeating: 0, count: count)
    }

    deinit { start.deallocate() }
}
