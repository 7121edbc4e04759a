/// Why bytes from a peer were refused. Codes and their meaning: `proto-spec/06-errors.md#decoding-errors`.
///
/// It names the field, and never holds bytes of the message: it may be logged as it is.
public struct WireError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, CaseIterable, Sendable {
        case truncated, badMagic, unsupportedMajor, unknownFlags, reservedNotZero, lengthMismatch
        case bodyTooLarge, fieldTooLong, countOverLimit, invalidValue, invalidText, badTail, badChecksum, badCompression
        case unexpectedKind
    }

    public let code: Code
    public let field: String

    package init(_ code: Code, _ field: StaticString) {
        self.code = code
        self.field = field.description
    }

    public var description: String { "\(code.rawValue) in field \(field)" }
}
