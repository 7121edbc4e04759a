extension String {
    /// Whether both are the same sequence of bytes.
    ///
    /// `==` compares canonical equivalence instead: it would merge names that JSON tells apart, and normalise text from outside to do so.
    func hasSameBytes(as other: String) -> Bool {
        let left = utf8.span.bytes
        let right = other.utf8.span.bytes
        let count = left.byteCount
        guard count == right.byteCount else { return false }
        var index = 0
        while index + 8 <= count {
            let leftWord = left.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
            guard leftWord == right.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self) else { return false }
            index += 8
        }
        while index < count {
            let leftByte = left.unsafeLoad(fromByteOffset: index, as: UInt8.self)
            guard leftByte == right.unsafeLoad(fromByteOffset: index, as: UInt8.self) else { return false }
            index += 1
        }
        return true
    }

    /// Equal for equal bytes, and seeded per process, so that nobody outside can choose names that collide.
    var hashOfBytes: Int {
        var hasher = Hasher()
        utf8.span.bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
        return hasher.finalize()
    }
}
