/// A value of a GGUF file's metadata. Of arrays nothing is kept: they are the tokenizer's, which is read from other files.
enum GGUFValue: Hashable, Sendable {
    case unsigned(UInt64)
    case signed(Int64)
    case number(Double)
    case boolean(Bool)
    case text(String)
    case array(count: Int)

    /// A whole number that is not negative, in whichever type it was written.
    var count: UInt64? {
        switch self {
        case .unsigned(let value): value
        case .signed(let value): UInt64(exactly: value)
        default: nil
        }
    }
}

/// The types of values, by their numbers in files.
enum GGUFValueType: UInt32 {
    case uint8 = 0, int8, uint16, int16, uint32, int32, float32, boolean, text, array, uint64, int64, float64

    /// Bytes of one; nil where values differ in length.
    var size: Int? {
        switch self {
        case .uint8, .int8, .boolean: 1
        case .uint16, .int16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64: 8
        case .text, .array: nil
        }
    }
}
