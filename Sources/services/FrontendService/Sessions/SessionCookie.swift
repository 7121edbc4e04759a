import ClusterModel
import WireProtocol

/// Writes and reads the cookie that holds a client's session: its id, and where it was placed last.
///
/// Nobody else can read or make one: what it says is hidden by a key stream and signed, with keys that come from the cluster's secret, so that any
/// frontend of the cluster knows it again. It says nothing of addresses. Reading takes the same time whatever is wrong with it.
struct SessionCookie: Sendable {
    struct Content: Hashable, Sendable {
        var id: String
        /// Where it was placed last.
        var hint: PlacementRef?
        /// Of the wall clock.
        var expiresAt: UInt64
    }

    private let signing: [UInt8]
    private let hiding: [UInt8]

    /// Drawn anew for each cookie.
    static let nonceBytes = 16
    private static let fixedBytes = 8 + 8 + 4
    /// The longest text that can be one of ours.
    private static let mostCharacters = (nonceBytes + fixedBytes + Limits.labelBytes + Digest.byteCount) * 4 / 3 + 4
    private static let noRank = UInt32.max

    /// `secret` is the cluster's, or drawn where there is none: then a cookie is good at this process alone.
    init(secret: [UInt8]) {
        signing = HMAC.code(for: Array("apus session cookie, signing".utf8), key: secret).bytes
        hiding = HMAC.code(for: Array("apus session cookie, hiding".utf8), key: secret).bytes
    }

    /// `tenant` is signed with it: another one's cookie is none.
    func text(_ content: Content, tenant: String, nonce: [UInt8]) -> String {
        var plain: [UInt8] = []
        plain.appendLittleEndian(content.expiresAt)
        plain.appendLittleEndian(content.hint?.workerID ?? 0)
        // No worker has the id 0 and no rank: that is no hint.
        plain.appendLittleEndian(content.hint.map { $0.rank ?? Self.noRank } ?? Self.noRank)
        plain.append(contentsOf: content.id.utf8)
        var bytes = nonce
        bytes += masked(plain, nonce)
        bytes += signature(of: bytes, tenant).bytes
        return Base64URL.text(bytes)
    }

    /// Nil for one that is not ours, is of another tenant, or has expired.
    func content(_ text: String, tenant: String, now: UInt64) -> Content? {
        guard text.utf8.count <= Self.mostCharacters, let bytes = Base64URL.bytes(text),
            bytes.count > Self.nonceBytes + Self.fixedBytes + Digest.byteCount
        else { return nil }
        let signed = Array(bytes.dropLast(Digest.byteCount)), code = Array(bytes.suffix(Digest.byteCount))
        guard ConstantTime.areEqual(signature(of: signed, tenant).bytes, code) else { return nil }
        let nonce = Array(signed.prefix(Self.nonceBytes)), plain = masked(Array(signed.dropFirst(Self.nonceBytes)), nonce)
        let expiresAt = Self.word(plain, at: 0, 8), worker = Self.word(plain, at: 8, 8), rank = UInt32(Self.word(plain, at: 16, 4))
        guard expiresAt > now, let id = String(validating: plain.dropFirst(Self.fixedBytes), as: UTF8.self),
            id.utf8.count <= Limits.labelBytes
        else { return nil }
        let hint = worker == 0 && rank == Self.noRank ? nil : PlacementRef(workerID: worker, rank: rank == Self.noRank ? nil : rank)
        return Content(id: id, hint: hint, expiresAt: expiresAt)
    }

    private func signature(of bytes: [UInt8], _ tenant: String) -> Digest {
        var code = HMAC(key: signing)
        // Its length first, so that no tenant's name runs into what follows.
        var length: [UInt8] = []
        length.appendLittleEndian(UInt32(tenant.utf8.count))
        code.update(length)
        code.update(Array(tenant.utf8))
        code.update(bytes)
        return code.finalize()
    }

    /// The same hides and shows.
    private func masked(_ bytes: [UInt8], _ nonce: [UInt8]) -> [UInt8] {
        var result = bytes, block: UInt32 = 0
        for start in stride(from: 0, to: bytes.count, by: Digest.byteCount) {
            var seed = nonce
            seed.appendLittleEndian(block)
            let stream = HMAC.code(for: seed, key: hiding)
            for index in start..<min(start + Digest.byteCount, bytes.count) { result[index] ^= stream[index - start] }
            block += 1
        }
        return result
    }

    private static func word(_ bytes: [UInt8], at start: Int, _ count: Int) -> UInt64 {
        bytes[start..<start + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// The alphabet of RFC 4648 section 5, without padding: what a cookie can hold as it is.
enum Base64URL {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, digit) in digits.enumerated() { values[Int(digit)] = UInt8(value) }
        return values
    }()

    static func text(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count * 4 + 2) / 3)
        var held: UInt32 = 0, bits = 0
        for byte in bytes {
            held = held << 8 | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                text.append(digits[Int(held >> UInt32(bits) & 63)])
            }
        }
        if bits > 0 { text.append(digits[Int(held << UInt32(6 - bits) & 63)]) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil for anything that `text` does not write: one value has one form.
    static func bytes(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count * 3 / 4)
        var held: UInt32 = 0, bits = 0
        for character in text.utf8 {
            let value = values[Int(character)]
            guard value < 64 else { return nil }
            held = held << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: held >> UInt32(bits)))
            }
        }
        guard bits < 6, held & (1 << UInt32(bits) - 1) == 0 else { return nil }
        return bytes
    }
}
