/// SHA-256 (FIPS 180-4), incremental, in portable code: some 200 MB/s, enough for model files that are read once at start.
package struct SHA256: Sendable {
    private static let blockBytes = 64

    private var state: InlineArray<8, UInt32> = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]
    /// Input that does not fill a block yet.
    private var pending = InlineArray<64, UInt8>(repeating: 0)
    private var pendingCount = 0
    private var totalBytes: UInt64 = 0

    package init() {}

    package static func digest(of bytes: RawSpan) -> Digest {
        var hash = SHA256()
        hash.update(bytes)
        return hash.finalize()
    }

    package static func digest(of bytes: [UInt8]) -> Digest { digest(of: bytes.span.bytes) }

    package mutating func update(_ bytes: [UInt8]) { update(bytes.span.bytes) }

    package mutating func update(_ bytes: RawSpan) {
        totalBytes &+= UInt64(bytes.byteCount)
        var position = 0
        if pendingCount > 0 {
            while pendingCount < SHA256.blockBytes, position < bytes.byteCount {
                append(bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self))
                position += 1
            }
            guard pendingCount == SHA256.blockBytes else { return }
            compressPending()
        }
        while position + SHA256.blockBytes <= bytes.byteCount {
            compress { bytes.unsafeLoadUnaligned(fromByteOffset: position + $0 * 4, as: UInt32.self) }
            position += SHA256.blockBytes
        }
        while position < bytes.byteCount {
            append(bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self))
            position += 1
        }
    }

    /// The digest of everything so far; the value itself can go on.
    package func finalize() -> Digest {
        var last = self
        let bits = totalBytes &* 8
        last.append(0x80)
        if last.pendingCount > SHA256.blockBytes - 8 {
            while last.pendingCount < SHA256.blockBytes { last.append(0) }
            last.compressPending()
        }
        while last.pendingCount < SHA256.blockBytes - 8 { last.append(0) }
        for shift in stride(from: UInt64(56), through: 0, by: -8) { last.append(UInt8(truncatingIfNeeded: bits >> shift)) }
        last.compressPending()
        return Digest(state: last.state)
    }

    private mutating func append(_ byte: UInt8) {
        pending[pendingCount] = byte
        pendingCount += 1
        // A full buffer is compressed by the caller, who knows whether more follows.
    }

    private mutating func compressPending() {
        let block = pending
        compress { block.span.bytes.unsafeLoadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self) }
        pendingCount = 0
    }

    /// `word` gives the block's words as they lie in memory.
    @inline(__always)
    private mutating func compress(_ word: (Int) -> UInt32) {
        var schedule = InlineArray<64, UInt32>(repeating: 0)
        for index in 0..<16 { schedule[index] = UInt32(bigEndian: word(index)) }
        for index in 16..<64 {
            let early = schedule[index - 15]
            let late = schedule[index - 2]
            let small0 = rotate(early, 7) ^ rotate(early, 18) ^ (early >> 3)
            let small1 = rotate(late, 17) ^ rotate(late, 19) ^ (late >> 10)
            schedule[index] = schedule[index - 16] &+ small0 &+ schedule[index - 7] &+ small1
        }
        let constants = SHA256.constants
        @inline(__always)
        func round(
            _ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: inout UInt32, _ e: UInt32, _ f: UInt32, _ g: UInt32, _ h: inout UInt32, _ index: Int
        ) {
            let big1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
            let choice = (e & f) ^ (~e & g)
            let first = h &+ big1 &+ choice &+ constants[index] &+ schedule[index]
            let big0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
            let majority = (a & b) ^ (a & c) ^ (b & c)
            d &+= first
            h = first &+ big0 &+ majority
        }
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        // The names turn instead of the values: eight rounds bring each back to its place.
        for index in stride(from: 0, to: 64, by: 8) {
            round(a, b, c, &d, e, f, g, &h, index)
            round(h, a, b, &c, d, e, f, &g, index + 1)
            round(g, h, a, &b, c, d, e, &f, index + 2)
            round(f, g, h, &a, b, c, d, &e, index + 3)
            round(e, f, g, &h, a, b, c, &d, index + 4)
            round(d, e, f, &g, h, a, b, &c, index + 5)
            round(c, d, e, &f, g, h, a, &b, index + 6)
            round(b, c, d, &e, f, g, h, &a, index + 7)
        }
        state[0] &+= a
        state[1] &+= b
        state[2] &+= c
        state[3] &+= d
        state[4] &+= e
        state[5] &+= f
        state[6] &+= g
        state[7] &+= h
    }

    @inline(__always)
    private func rotate(_ word: UInt32, _ bits: UInt32) -> UInt32 { word >> bits | word << (32 - bits) }

    private static let constants: InlineArray<64, UInt32> = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
        0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
        0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
        0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
        0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ]
}
