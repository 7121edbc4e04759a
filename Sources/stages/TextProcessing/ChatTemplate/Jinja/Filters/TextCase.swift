/// Changes letters one by one, so that each keeps its origin.
struct TextCase {
    private let rendering: Rendering

    init(_ rendering: Rendering) { self.rendering = rendering }

    enum Change { case upper, lower, title, capitalized, swapped }

    func changed(_ text: TemplateText, _ change: Change) throws(TemplateError) -> TemplateText {
        try rendering.spend(text.count / 4 + 1)
        var builder = TextBuilder(reserving: text.count)
        var isInside = false
        let whole = text.bytes
        text.forEachRun { range, isTrusted in
            builder.append(isTrusted: isTrusted) { output in
                var place = range.lowerBound
                while place < range.upperBound {
                    let byte = whole[place]
                    if byte < 0x80 {
                        output.append(Self.ascii(byte, change, isInside))
                        isInside = change == .capitalized || Self.isLetter(byte)
                        place += 1
                    } else {
                        let scalar = PythonText.scalar(at: place, in: whole)
                        let length = min(PythonText.length(of: byte), range.upperBound - place)
                        if scalar == "Σ" && Self.lowers(change, isInside, scalar) {
                            output.append(contentsOf: (Self.endsWord(whole, at: place, length) ? "ς" : "σ").utf8)
                        } else {
                            output.append(contentsOf: Self.mapped(scalar, change, isInside).utf8)
                        }
                        isInside = change == .capitalized || scalar.properties.isCased
                        place += length
                    }
                }
            }
        }
        return builder.text()
    }

    private static func lowers(_ change: Change, _ isInside: Bool, _ scalar: Unicode.Scalar) -> Bool {
        switch change {
        case .upper: false
        case .lower: true
        case .title, .capitalized: isInside
        case .swapped: scalar.properties.isUppercase
        }
    }

    private static func ascii(_ byte: UInt8, _ change: Change, _ isInside: Bool) -> UInt8 {
        guard isLetter(byte) else { return byte }
        switch change {
        case .upper: return byte & 0xDF
        case .lower: return byte | 0x20
        case .title, .capitalized: return isInside ? byte | 0x20 : byte & 0xDF
        case .swapped: return byte ^ 0x20
        }
    }

    private static func mapped(_ scalar: Unicode.Scalar, _ change: Change, _ isInside: Bool) -> String {
        switch change {
        case .upper: scalar.properties.uppercaseMapping
        case .lower: scalar.properties.lowercaseMapping
        case .title, .capitalized: isInside ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
        case .swapped: scalar.properties.isUppercase ? scalar.properties.lowercaseMapping : scalar.properties.uppercaseMapping
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z") }

    /// A sigma has a form of its own behind a letter where no letter follows. Only the neighbours are looked at.
    private static func endsWord(_ bytes: ArraySlice<UInt8>, at place: Int, _ length: Int) -> Bool {
        guard place > bytes.startIndex else { return false }
        let before = PythonText.scalar(at: PythonText.lastScalar(of: bytes[bytes.startIndex..<place]), in: bytes)
        guard before.properties.isCased else { return false }
        let next = place + length
        return next >= bytes.endIndex || !PythonText.scalar(at: next, in: bytes).properties.isCased
    }

    /// `str.islower`, `str.isupper`
    func isCased(_ text: TemplateText, upper: Bool) throws(TemplateError) -> Bool {
        try rendering.spend(text.count / 4 + 1)
        var isFound = false
        for scalar in text.string.unicodeScalars {
            let (isUpper, isLower) = (scalar.properties.isUppercase, scalar.properties.isLowercase)
            if isUpper || isLower || scalar.properties.generalCategory == .titlecaseLetter {
                guard upper ? isUpper : isLower else { return false }
                isFound = true
            }
        }
        return isFound
    }

    /// For HTML, as `markupsafe` does it.
    func escaped(_ text: TemplateText) throws(TemplateError) -> TemplateText {
        try rendering.spend(bytes: text.count)
        var builder = TextBuilder(reserving: text.count)
        text.forEachRun { range, isTrusted in
            builder.append(isTrusted: isTrusted) { output in
                for byte in text.storage[range] {
                    switch byte {
                    case UInt8(ascii: "&"): output.append(contentsOf: "&amp;".utf8)
                    case UInt8(ascii: "<"): output.append(contentsOf: "&lt;".utf8)
                    case UInt8(ascii: ">"): output.append(contentsOf: "&gt;".utf8)
                    case UInt8(ascii: "\""): output.append(contentsOf: "&#34;".utf8)
                    case UInt8(ascii: "'"): output.append(contentsOf: "&#39;".utf8)
                    default: output.append(byte)
                    }
                }
            }
        }
        return builder.text()
    }
}
