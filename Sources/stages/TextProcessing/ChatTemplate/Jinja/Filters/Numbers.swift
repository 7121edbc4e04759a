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
            let word = text.part(Self.trimmed(text)).string
            let base = try rendering.integer(bound[1], "base") ?? 10
            guard (2...36).contains(base) else { throw rendering.failure("the base must be 2 to 36") }
            if let value = Self.integer(word, base) { return .int(value) }
            guard let value = Self.double(word), value.isFinite else { return standard }
            return Int(exactly: value.rounded(.towardZero)).map { .int($0) } ?? standard
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
        case .text(let text): return Self.double(text.part(Self.trimmed(text)).string).map { .float($0) } ?? standard
        case .bigInteger(let digits): return .float(Double(digits) ?? .infinity)
        default: return Numeric(value).map { .float($0.double) } ?? standard
        }
    }

    private static func trimmed(_ text: TemplateText) -> Range<Int> {
        let range = PythonText.trimmed(text.bytes, left: true, right: true)
        return range.lowerBound - text.range.lowerBound..<range.upperBound - text.range.lowerBound
    }

    /// Digits, with a sign in front and single underscores between them.
    private static func integer(_ word: String, _ base: Int) -> Int? {
        let bytes = Array(word.utf8)
        guard bytes.count <= 100, let first = bytes.first, let last = bytes.last, first != UInt8(ascii: "_"), last != UInt8(ascii: "_")
        else {
            return nil
        }
        guard !word.contains("__") else { return nil }
        return Int(String(decoding: bytes.filter { $0 != UInt8(ascii: "_") }, as: UTF8.self), radix: base)
    }

    /// What both Python and Swift read as a decimal number, and Python's words for the rest.
    private static func double(_ word: String) -> Double? {
        guard word.utf8.count <= 400 else { return nil }
        let lower = word.lowercased()
        switch lower {
        case "inf", "+inf", "infinity", "+infinity": return .infinity
        case "-inf", "-infinity": return -.infinity
        case "nan", "+nan", "-nan": return .nan
        default:
            guard lower.utf8.allSatisfy({ "0123456789+-.e".utf8.contains($0) }) else { return nil }
            guard lower.prefix(while: { $0 != "e" }).contains(where: { $0 >= "0" && $0 <= "9" }) else { return nil }
            var text = lower
            if text.hasPrefix("+") { text.removeFirst() }
            if text.hasPrefix(".") { text = "0" + text }
            if text.hasPrefix("-.") { text = "-0." + text.dropFirst(2) }
            return Double(text.hasSuffix(".") ? text + "0" : text)
        }
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
