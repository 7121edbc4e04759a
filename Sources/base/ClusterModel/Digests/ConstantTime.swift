/// Comparison of secrets: its time depends on the lengths alone, so that nobody can guess a token byte by byte.
package enum ConstantTime {
    package static func areEqual(_ left: RawSpan, _ right: RawSpan) -> Bool {
        guard left.byteCount == right.byteCount else { return false }
        var difference: UInt8 = 0
        for index in 0..<left.byteCount {
            difference |= left.unsafeLoad(fromByteOffset: index, as: UInt8.self) ^ right.unsafeLoad(fromByteOffset: index, as: UInt8.self)
        }
        return isZero(difference)
    }

    package static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool { areEqual(left.span.bytes, right.span.bytes) }

    package static func areEqual(_ left: Digest, _ right: Digest) -> Bool {
        var difference: UInt8 = 0
        for index in 0..<Digest.byteCount { difference |= left[index] ^ right[index] }
        return isZero(difference)
    }

    /// Not inlined: the compiler must not see that a non-zero difference could end the loop early.
    @inline(never)
    private static func isZero(_ difference: UInt8) -> Bool { difference == 0 }
}
