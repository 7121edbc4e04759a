import WireProtocol

extension FuzzTarget {
    /// The 32 bytes before every body, strictly and as a listener reads a Hello of another major.
    static let header = FuzzTarget(name: "header", longest: 256, allocation: 16) { bytes in
        let strict = try? MessageHeader(reading: bytes.bytes)
        let lenient = try? MessageHeader(reading: bytes.bytes, anyMajor: true)
        guard let strict else { return }
        demand(strict == lenient, "a header that is read strictly is read the same leniently")
        demand(strict.version.major == WireVersion.current.major, "another major was accepted")
        demand(Int(strict.bodyLength) <= Limits.messageBytes, "a body over the limit was accepted")
        if !strict.flags.contains(.compressed) {
            demand(Int(strict.bodyLength) == bytes.count - MessageHeader.byteCount, "the length is not the body's")
        }
    }
}
