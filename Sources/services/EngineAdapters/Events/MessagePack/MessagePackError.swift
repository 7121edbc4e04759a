/// Why bytes are no MessagePack that we take. The place is counted from the first byte of what is read.
package enum MessagePackError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The bytes end within a value.
    case truncated(at: Int)
    /// The one byte that begins no value.
    case reservedByte(at: Int)
    case wrongType(wanted: MessagePackKind, at: Int)
    /// A whole number that its field cannot hold.
    case outOfRange(at: Int)
    /// More bytes or elements than the field may have.
    case tooLong(limit: Int, at: Int)

    package var description: String {
        switch self {
        case .truncated(let place): "it ends within a value, at byte \(place)"
        case .reservedByte(let place): "no value begins as byte \(place) does"
        case .wrongType(let wanted, let place): "another type than \(wanted), at byte \(place)"
        case .outOfRange(let place): "a number that its field cannot hold, at byte \(place)"
        case .tooLong(let limit, let place): "longer than \(limit), at byte \(place)"
        }
    }
}

package enum MessagePackKind: Hashable, Sendable {
    case null, boolean, integer, float, text, binary, array, map, `extension`
}
