/// A SHA-256 value: names model files and cards, and authenticates handshakes.
///
/// `==` may stop at the first difference; compare what is secret with `ConstantTime.areEqual`.
package struct Digest: Hashable, Sendable {
    package static let byteCount = 32

    /// The 32 bytes as big-endian words, so that order and text follow the bytes.
    private let words: InlineArray<4, UInt64>

    /// For `SHA256`: its eight state words.
    init(state: InlineArray<8, UInt32>) {
        words = InlineArray { UInt64(state[2 * $0]) << 32 | UInt64(state[2 * $0 + 1]) }
    }

    /// All zero: where no digest is known yet.
    package init() { words = InlineArray(repeating: 0) }

    /// Nil unless there are exactly 32 bytes.
    package init?(_ bytes: RawSpan) {
        guard bytes.byteCount == Digest.byteCount else { return nil }
        words = InlineArray { UInt64(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self)) }
    }

    package init?(_ bytes: [UInt8]) { self.init(bytes.span.bytes) }

    /// Nil unless the text is exactly 64 hexadecimal digits, in either case.
    package init?(hex text: String) {
        var words = InlineArray<4, UInt64>(repeating: 0)
        guard text.utf8.count == Digest.byteCount * 2 else { return nil }
        var position = 0
        for character in text.utf8 {
            guard let digit = Hexadecimal.value(of: character) else { return nil }
            words[position / 16] = words[position / 16] << 4 | UInt64(digit)
            position += 1
        }
        self.words = words
    }

    package subscript(index: Int) -> UInt8 { UInt8(truncatingIfNeeded: words[index / 8] >> UInt64(56 - index % 8 * 8)) }

    package var bytes: [UInt8] { (0..<Digest.byteCount).map { self[$0] } }

    package func append(to bytes: inout [UInt8]) {
        let inOrder = InlineArray<4, UInt64> { words[$0].bigEndian }
        inOrder.span.bytes.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    /// 64 hexadecimal digits in lower case.
    package var hex: String { (0..<4).map { Hexadecimal.text(words[$0]) }.joined() }

    package static func == (left: Digest, right: Digest) -> Bool {
        left.words[0] == right.words[0] && left.words[1] == right.words[1] && left.words[2] == right.words[2]
            && left.words[3] == right.words[3]
    }

    package func hash(into hasher: inout Hasher) { for index in 0..<4 { hasher.combine(words[index]) } }
}

extension Digest: Comparable, CustomStringConvertible {
    /// The order of the bytes, which is also that of the hexadecimal text.
    package static func < (left: Digest, right: Digest) -> Bool {
        for index in 0..<4 where left.words[index] != right.words[index] { return left.words[index] < right.words[index] }
        return false
    }

    package var description: String { hex }
}
