/// A number in a model's vocabulary. Plain, so that arrays of tokens are copied, hashed and sent as memory.
package typealias TokenID = UInt32

#if !_endian(little)
    #error("tokens are hashed and sent as they lie in memory, which must be little-endian")
#endif

/// Tokens as bytes: little-endian, four each, as on the wire.
package enum TokenBytes {
    package static let perToken = MemoryLayout<TokenID>.size

    package static func append(_ tokens: Span<TokenID>, to bytes: inout [UInt8]) {
        tokens.bytes.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    /// Appends the tokens to a reused array. False, with nothing appended, if the bytes are no whole number of tokens.
    package static func appendTokens(from bytes: RawSpan, to tokens: inout [TokenID]) -> Bool {
        guard bytes.byteCount.isMultiple(of: perToken) else { return false }
        let count = bytes.byteCount / perToken
        tokens.reserveCapacity(tokens.count + count)
        for index in 0..<count { tokens.append(bytes.unsafeLoadUnaligned(fromByteOffset: index * perToken, as: TokenID.self)) }
        return true
    }
}
