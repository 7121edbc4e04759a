/// Filters that make numbers.
struct Numbers {
    private let rendering: Rendering

    init(_ rendering: Rendering) { self.rendering = rendering }

    func apply(_ filter: TemplateFilter, _ value: TemplateValue, _ arguments: CallArguments) throws(TemplateError) -> TemplateValue {
        switch filter {
        case .int: return try integer(value, arguments)
        case .float: return try float(value, arguments)
        case .round: return try round(value, arguments)
        default: return try absolute(value)
        }
    }

    private func absolute(_ value: TemplateValue) throws(TemplateError) -> TemplateValue {
        switch Numeric(value) {
        case .int(let value)?:
            guard value != .min else { throw rendering.failure("a number that is too large") }
            return .int(Swift.abs(value))
        case .float(let value)?: return .float(value.magnitude)
        case nil: throw rendering.failure("a value of type \(value.typeName) has no absolute value")
        }
    }

    private func integer(_ value: TemplateValue, _ arguments: CallArguments) throws(TemplateError) -> TemplateValue {
        let bound = try arguments.bind(["default", "base"], to: "int", rendering)
        let standard = bound[0] ?? .int(0)
        switch value {
        case .undefined: throw rendering.undefined("int's value")
        case .bigInteger: return value
        case .text(let text):
            let word = try number(text)
            let base = try rendering.integer(bound[1], "base") ?? 10
            guard (2...36).contains(base) else { throw rendering.failure("the base must be 2 to 36") }
            if let word, let value = try integer(word, base) { return value }
            guard let word, let value = Self.double(word), value.isFinite else { return standard }
            guard let whole = Int(exactly: value.rounded(.towardZero)) else { throw rendering.failure("a number that is too large") }
            return .int(whole)
        default:
            switch Numeric(value) {
            case .int(let value)?: return .int(value)
            case .float(let value)?:
                if value.isNaN { return standard }
                guard let value = Int(exactly: value.rounded(.towardZero)) else { throw rendering.failure("a number that is too large") }
                return .int(value)
            case nil: return standard
            }
        }
    }

    private func float(_ value: TemplateValue, _ arguments: CallArguments) throws(TemplateError) -> TemplateValue {
        let standard = try arguments.bind(["default"], to: "float", rendering)[0] ?? .float(0)
        switch value {
        case .undefined: throw rendering.undefined("float's value")
        case .text(let text): return try number(text).flatMap { Self.double($0) }.map { .float($0) } ?? standard
        case .bigInteger(let digits): return .float(Double(digits) ?? .infinity)
        default: return Numeric(value).map { .float($0.double) } ?? standard
        }
    }

    /// What stands between the blanks, with the digits of all scripts as ASCII ones; nil if there is more than ASCII and digits.
    private func number(_ text: TemplateText) throws(TemplateError) -> [UInt8]? {
        try rendering.spend(text.count / 2 + 8)
        let bytes = text.bytes[PythonText.trimmed(text.bytes, left: true, right: true)]
        guard bytes.contains(where: { $0 >= 0x80 }) else { return Array(bytes) }
        var word: [UInt8] = []
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            if scalar.isASCII {
                word.append(UInt8(scalar.value))
            } else {
                guard scalar.properties.numericType == .decimal, let digit = scalar.properties.numericValue else { return nil }
                word.append(UInt8(ascii: "0") + UInt8(digit))
            }
        }
        return word
    }

    /// Digits with a sign in front, the prefix of their base, and single underscores between them.
    private func integer(_ word: [UInt8], _ base: Int) throws(TemplateError) -> TemplateValue? {
        let sign = word.first == UInt8(ascii: "-") ? "-" : ""
        var rest = word.first == UInt8(ascii: "+") || !sign.isEmpty ? word.dropFirst() : word[...]
        let letter = base == 2 ? UInt8(ascii: "b") : base == 8 ? UInt8(ascii: "o") : UInt8(ascii: "x")
        if [2, 8, 16].contains(base), rest.count > 2, rest.first == UInt8(ascii: "0"), rest[rest.startIndex + 1] | 0x20 == letter {
            rest = rest.dropFirst(2)
            if rest.first == UInt8(ascii: "_") { rest = rest.dropFirst() }
        }
        guard let digits = Self.withoutUnderscores(rest), !digits.isEmpty else { return nil }
        guard digits.allSatisfy({ Self.digit($0) < base }) else { return nil }
        let text = String(decoding: digits.drop { $0 == UInt8(ascii: "0") }, as: UTF8.self)
        if text.isEmpty { return .int(0) }
        if let value = Int(sign + text, radix: base) { return .int(value) }
        guard base == 10, text.utf8.count <= Self.longestInteger else { throw rendering.failure("a number that is too large") }
        return .bigInteger(sign + text)
    }

    /// Digits that Python reads.
    private static let longestInteger = 4300

    private static func digit(_ byte: UInt8) -> Int {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): Int(byte - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): Int(byte - UInt8(ascii: "A")) + 10
        default: .max
        }
    }

    /// Nil where one does not stand between two digits or letters.
    private static func withoutUnderscores(_ word: ArraySlice<UInt8>) -> [UInt8]? {
        guard word.contains(UInt8(ascii: "_")) else { return Array(word) }
        for place in word.indices where word[place] == UInt8(ascii: "_") {
            guard place > word.startIndex, place + 1 < word.endIndex else { return nil }
            guard digit(word[place - 1]) < 36, digit(word[place + 1]) < 36 else { return nil }
        }
        return word.filter { $0 != UInt8(ascii: "_") }
    }

    /// What both Python and Swift read as a decimal number, and Python's words for the rest.
    private static func double(_ word: [UInt8]) -> Double? {
        switch String(decoding: word, as: UTF8.self).lowercased() {
        case "inf", "+inf", "infinity", "+infinity": return .infinity
        case "-inf", "-infinity": return -.infinity
        case "nan", "+nan", "-nan": return .nan
        default: break
        }
        // Only digits stand beside underscores: no letter but that of the exponent comes through, and not beside one.
        guard word.allSatisfy({ "0123456789+-.eE_".utf8.contains($0) }), let digits = withoutUnderscores(word[...]) else { return nil }
        for place in word.indices where word[place] == UInt8(ascii: "_") {
            guard word[place - 1] | 0x20 != UInt8(ascii: "e"), word[place + 1] | 0x20 != UInt8(ascii: "e") else { return nil }
        }
        var text = String(decoding: digits, as: UTF8.self).lowercased()
        guard text.prefix(while: { $0 != "e" }).contains(where: { $0 >= "0" && $0 <= "9" }) else { return nil }
        if text.hasPrefix("+") { text.removeFirst() }
        if text.hasPrefix(".") { text = "0" + text }
        if text.hasPrefix("-.") { text = "-0." + text.dropFirst(2) }
        return Double(text.hasSuffix(".") ? text + "0" : text)
    }

    private func round(_ value: TemplateValue, _ arguments: CallArguments) throws(TemplateError) -> TemplateValue {
        let bound = try arguments.bind(["precision", "method"], to: "round", rendering)
        let precision = try rendering.integer(bound[0], "precision") ?? 0
        let method = try bound[1].map { value throws(TemplateError) in try rendering.text(value, "method").string } ?? "common"
        guard let number = Numeric(value) else { throw rendering.failure("a value of type \(value.typeName) cannot be rounded") }
        guard (0...15).contains(precision) else { throw rendering.failure("the precision must be 0 to 15 here") }
        var scale = 1.0
        for _ in 0..<precision { scale *= 10 }
        switch method {
        case "common":
            if case .int(let value) = number { return .int(value) }
            try rendering.spend(DecimalText.cost(of: number.double))
            return .float(
                Double(DecimalText.fixed(number.double.magnitude, places: precision)).map { number.double < 0 ? -$0 : $0 } ?? number.double)
        case "ceil": return .float((number.double * scale).rounded(.up) / scale)
        case "floor": return .float((number.double * scale).rounded(.down) / scale)
        default: throw rendering.failure("the method must be common, ceil or floor")
        }
    }
}
