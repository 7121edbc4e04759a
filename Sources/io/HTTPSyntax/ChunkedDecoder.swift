/// What is wrong with a chunked body.
package enum ChunkFault: Error, Hashable, Sendable {
    /// No digits, something behind them, or more than a size can be.
    case badSize
    /// A line that does not end with CR LF, or data that does not end where its size says.
    case badLineEnd
    /// An extension that is not a name, or a name and a value; or one that is too long.
    case badExtension
    case badTrailer
    case trailersTooLong
}

/// Takes a chunked body apart, a byte at a time where its lines are and at once where its data is.
///
/// Extensions and trailers are checked and dropped: nothing here understands any.
package struct ChunkedDecoder: Sendable {
    package enum Step: Sendable {
        case needsMore
        /// Data, as a place in the input.
        case data(Range<Int>)
        case end
    }

    private enum State {
        case size, blankAfterSize, sizeLineFeed, data, dataReturn, dataLineFeed
        case extensionStart, extensionName, blankAfterName, valueStart, valueToken, quoted, quotedPair, valueEnd, blankAfterValue
        case trailerStart, trailerName, trailerValue, trailerLineFeed, endLineFeed, ended
    }

    private var state = State.size
    private var digits = 0
    private var remaining = 0
    /// Bytes of the present size line behind its digits.
    private var extensionBytes = 0
    private var trailerBytes = 0

    /// Fifteen digits are 2^60: no body is that long, and no size can overflow.
    private static let mostDigits = 15
    /// Nobody we know sends any; what proxies add is a signature at most.
    private static let mostExtensionBytes = 256
    /// As much as a few fields need. They are thrown away.
    private static let mostTrailerBytes = 8 << 10

    package init() {}

    package mutating func next(_ input: UnsafeRawBufferPointer, from cursor: inout Int) throws(ChunkFault) -> Step {
        while state != .ended {
            guard cursor < input.count else { return .needsMore }
            if state == .data {
                let place = cursor..<(cursor + min(remaining, input.count - cursor))
                cursor = place.upperBound
                remaining -= place.count
                if remaining == 0 { state = .dataReturn }
                return .data(place)
            }
            try take(input[cursor])
            cursor += 1
        }
        return .end
    }

    private mutating func take(_ byte: UInt8) throws(ChunkFault) {
        switch state {
        case .size, .blankAfterSize, .sizeLineFeed: try takeSizeLine(byte)
        case .extensionStart, .extensionName, .blankAfterName, .valueStart, .valueToken, .quoted, .quotedPair, .valueEnd, .blankAfterValue:
            try takeExtension(byte)
        case .dataReturn:
            guard byte == 0x0D else { throw .badLineEnd }
            state = .dataLineFeed
        case .dataLineFeed:
            guard byte == 0x0A else { throw .badLineEnd }
            state = .size
            digits = 0
        case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed, .endLineFeed: try takeTrailer(byte)
        case .data, .ended: preconditionFailure("data is taken at once")
        }
    }

    private mutating func takeSizeLine(_ byte: UInt8) throws(ChunkFault) {
        switch state {
        case .size:
            if let digit = HTTPText.hexadecimal(byte) {
                digits += 1
                guard digits <= Self.mostDigits else { throw .badSize }
                remaining = (digits == 1 ? 0 : remaining << 4) | Int(digit)
                return
            }
            guard digits > 0 else { throw .badSize }
            extensionBytes = 0
            try takeAfterSize(byte)
        case .blankAfterSize:
            // Blanks may stand before an extension, and nowhere else.
            guard byte != 0x0D else { throw .badSize }
            try takeAfterSize(byte)
        case .sizeLineFeed:
            guard byte == 0x0A else { throw .badLineEnd }
            state = remaining > 0 ? .data : .trailerStart
        default: preconditionFailure("called for a size line")
        }
    }

    private mutating func takeAfterSize(_ byte: UInt8) throws(ChunkFault) {
        switch byte {
        case 0x0D: state = .sizeLineFeed
        case UInt8(ascii: ";"): state = .extensionStart
        case 0x20, 0x09: state = .blankAfterSize
        default: throw .badSize
        }
        try countExtension()
    }

    /// By the grammar and no more: proxies that end an extension at other bytes than we do see other chunks.
    private mutating func takeExtension(_ byte: UInt8) throws(ChunkFault) {
        switch (state, byte) {
        case (.extensionName, 0x0D), (.valueToken, 0x0D), (.valueEnd, 0x0D):
            state = .sizeLineFeed
            return
        case (.extensionStart, _) where HTTPText.isBlank(byte), (.valueStart, _) where HTTPText.isBlank(byte): break
        case (.extensionName, _) where HTTPText.isBlank(byte), (.blankAfterName, _) where HTTPText.isBlank(byte): state = .blankAfterName
        case (.valueToken, _) where HTTPText.isBlank(byte), (.valueEnd, _) where HTTPText.isBlank(byte),
            (.blankAfterValue, _) where HTTPText.isBlank(byte):
            state = .blankAfterValue
        case (.extensionStart, _) where ByteClass.token.contains(byte): state = .extensionName
        case (.extensionName, _) where ByteClass.token.contains(byte): break
        case (.extensionName, UInt8(ascii: "=")), (.blankAfterName, UInt8(ascii: "=")): state = .valueStart
        case (.valueStart, UInt8(ascii: "\"")): state = .quoted
        case (.valueStart, _) where ByteClass.token.contains(byte): state = .valueToken
        case (.valueToken, _) where ByteClass.token.contains(byte): break
        case (.quoted, UInt8(ascii: "\"")): state = .valueEnd
        case (.quoted, UInt8(ascii: "\\")): state = .quotedPair
        case (.quoted, _) where ByteClass.fieldValue.contains(byte): break
        case (.quotedPair, _) where ByteClass.fieldValue.contains(byte): state = .quoted
        case (.extensionName, UInt8(ascii: ";")), (.blankAfterName, UInt8(ascii: ";")), (.valueToken, UInt8(ascii: ";")),
            (.valueEnd, UInt8(ascii: ";")), (.blankAfterValue, UInt8(ascii: ";")):
            state = .extensionStart
        default: throw .badExtension
        }
        try countExtension()
    }

    private mutating func countExtension() throws(ChunkFault) {
        extensionBytes += 1
        guard extensionBytes <= Self.mostExtensionBytes else { throw .badExtension }
    }

    private mutating func takeTrailer(_ byte: UInt8) throws(ChunkFault) {
        trailerBytes += 1
        guard trailerBytes <= Self.mostTrailerBytes else { throw .trailersTooLong }
        switch (state, byte) {
        case (.trailerStart, 0x0D): state = .endLineFeed
        case (.trailerStart, _) where ByteClass.token.contains(byte): state = .trailerName
        case (.trailerName, UInt8(ascii: ":")): state = .trailerValue
        case (.trailerName, _) where ByteClass.token.contains(byte): break
        case (.trailerValue, 0x0D): state = .trailerLineFeed
        case (.trailerValue, _) where ByteClass.fieldValue.contains(byte): break
        case (.trailerLineFeed, 0x0A): state = .trailerStart
        case (.endLineFeed, 0x0A): state = .ended
        default: throw .badTrailer
        }
    }
}
