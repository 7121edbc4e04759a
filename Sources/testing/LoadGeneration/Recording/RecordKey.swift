import ClusterModel

/// Makes hashes useless outside of one recording: equal ones stay equal, and nobody who guesses a prompt can find it.
///
/// A sequence hash names all tokens before it, so whoever has it can try prompts against it. The secret is drawn for one recording and
/// written nowhere.
package struct RecordKey: Sendable {
    private let code: HMAC

    /// `secret` is 32 random bytes.
    package init(secret: [UInt8]) { code = HMAC(key: secret) }

    package func hash(_ hash: UInt64) -> UInt64 {
        var code = code, bytes: [UInt8] = []
        for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: hash >> UInt64(shift))) }
        code.update(bytes)
        let digest = code.finalize()
        return (0..<8).reduce(UInt64(0)) { $0 << 8 | UInt64(digest[$1]) }
    }
}

/// Opaque numbers for names, in the order in which they are met. Bounded: later ones get none.
struct RecordNames<Name: Hashable & Sendable>: Sendable {
    private var numbers: [Name: UInt64] = [:]

    mutating func number(of name: Name) -> UInt64? {
        if let number = numbers[name] { return number }
        guard numbers.count < RecordLimits.names else { return nil }
        let number = UInt64(numbers.count)
        numbers[name] = number
        return number
    }
}
