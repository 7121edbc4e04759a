/// `format % values`, with the conversions that templates use.
struct PercentFormat {
    private let rendering: Rendering

    init(_ rendering: Rendering) { self.rendering = rendering }

    func format(_ format: TemplateText, _ value: TemplateValue) throws(TemplateError) -> TemplateText {
        var values = [value]
        if case .list(let list) = value, list.kind == .tuple { values = list.elements }
        try rendering.spend(bytes: format.count)
        var builder = TextBuilder(reserving: format.count)
        var rest = values[...]
        var (place, plain) = (0, 0)
        let bytes = Array(format.bytes)
        while place < bytes.count {
            guard bytes[place] == UInt8(ascii: "%") else {
                place += 1
                continue
            }
            builder.append(format.part(plain..<place))
            place += 1
            let start = place
            while place < bytes.count, "-+ #0123456789.".utf8.contains(bytes[place]) { place += 1 }
            guard place < bytes.count else { throw rendering.failure("the format ends too early") }
            if bytes[place] == UInt8(ascii: "%") {
                builder.append(format.part(place..<place + 1))
            } else {
                guard let value = rest.popFirst() else { throw rendering.failure("the format wants more values") }
                try rendering.spend(2)
                let specification = String(decoding: bytes[start..<place], as: UTF8.self)
                let text = try formatted(value, specification, bytes[place])
                try rendering.spend(bytes: text.count)
                builder.append(text)
            }
            place += 1
            plain = place
        }
        builder.append(format.part(plain..<bytes.count))
        // What has elements by name or number may serve by them: it may be left over.
        if !rest.isEmpty, !(values.count == 1 && Self.hasElements(value)) { throw rendering.failure("the format takes fewer values") }
        return builder.text()
    }

    private static func hasElements(_ value: TemplateValue) -> Bool {
        switch value {
        case .list(let list): list.kind == .list
        case .dict, .range, .undefined: true
        default: false
        }
    }

    private func formatted(_ value: TemplateValue, _ specification: String, _ conversion: UInt8) throws(TemplateError) -> TemplateText {
        var specification = specification
        var text: TemplateText
        switch conversion {
        case UInt8(ascii: "s"): text = try rendering.text(value)
        case UInt8(ascii: "r"):
            var builder = TextBuilder()
            try ValuePrinter(rendering: rendering).appendRepresentation(value, to: &builder)
            text = builder.text()
        case UInt8(ascii: "d"), UInt8(ascii: "i"):
            guard let number = Numeric(value) else { throw rendering.failure("%d takes a number, not \(value.typeName)") }
            guard let whole = Int(exactly: number.double.rounded(.towardZero)) else {
                throw rendering.failure("a number that is too large")
            }
            if case .int(let exact) = number {
                return try FormatSpecification(percent: specification, "d", rendering).format(.int(exact), rendering)
            }
            return try FormatSpecification(percent: specification, "d", rendering).format(.int(whole), rendering)
        case UInt8(ascii: "f"), UInt8(ascii: "F"), UInt8(ascii: "x"), UInt8(ascii: "X"), UInt8(ascii: "o"):
            guard Numeric(value) != nil else { throw rendering.failure("the format takes a number, not \(value.typeName)") }
            let letter = String(UnicodeScalar(conversion))
            return try FormatSpecification(percent: specification, letter, rendering).format(value, rendering)
        default: throw rendering.failure("the format has a conversion that is not known here")
        }
        let isLeft = specification.hasPrefix("-")
        if isLeft { specification.removeFirst() }
        let numbers = specification.split(separator: ".", omittingEmptySubsequences: false)
        if numbers.count == 2, let most = Int(numbers[1]) {
            guard case .text(let part) = try Slices(rendering).slice(.text(text), 0, most, nil) else { return text }
            text = part
        }
        guard let width = numbers.first.flatMap({ Int($0) }) else { return text }
        return try TextPadding(rendering).padded(text, width, TemplateText(trusted: " ").untrusted, isLeft ? .left : .right)
    }
}

/// `"…{}…".format(…)`, with the parts of the format language that templates use.
struct BraceFormat {
    private let rendering: Rendering

    init(_ rendering: Rendering) { self.rendering = rendering }

    func format(_ format: TemplateText, _ arguments: CallArguments) throws(TemplateError) -> TemplateText {
        try rendering.spend(bytes: format.count)
        var builder = TextBuilder(reserving: format.count)
        let bytes = Array(format.bytes)
        var (place, plain, next) = (0, 0, 0)
        while place < bytes.count {
            let byte = bytes[place]
            guard byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}") else {
                place += 1
                continue
            }
            builder.append(format.part(plain..<place))
            if place + 1 < bytes.count, bytes[place + 1] == byte {
                builder.append(format.part(place..<place + 1))
                place += 2
                plain = place
                continue
            }
            guard byte == UInt8(ascii: "{"), let end = bytes[place...].firstIndex(of: UInt8(ascii: "}")) else {
                throw rendering.failure("a single brace in a format")
            }
            let text = try field(String(decoding: bytes[place + 1..<end], as: UTF8.self), arguments, &next)
            try rendering.spend(bytes: text.count)
            builder.append(text)
            place = end + 1
            plain = place
        }
        builder.append(format.part(plain..<bytes.count))
        return builder.text()
    }

    private func field(_ field: String, _ arguments: CallArguments, _ next: inout Int) throws(TemplateError) -> TemplateText {
        try rendering.spend(2 + field.utf8.count / 4)
        let halves = field.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let names = halves[0].split(separator: "!", maxSplits: 1, omittingEmptySubsequences: false)
        var value = try self.value(String(names[0]), arguments, &next)
        if names.count == 2 {
            guard names[1] == "s" || names[1] == "r" else { throw rendering.failure("a conversion that is not known here") }
            var builder = TextBuilder()
            let printer = ValuePrinter(rendering: rendering)
            if names[1] == "r" { try printer.appendRepresentation(value, to: &builder) } else { try printer.append(value, to: &builder) }
            value = .text(builder.text())
        }
        guard halves.count == 2, !halves[1].isEmpty else { return try rendering.text(value) }
        return try FormatSpecification(String(halves[1]), rendering).format(value, rendering)
    }

    private func value(_ path: String, _ arguments: CallArguments, _ next: inout Int) throws(TemplateError) -> TemplateValue {
        let steps = path.split(separator: ".", omittingEmptySubsequences: false)
        guard !path.contains("[") else { throw rendering.failure("a format field that is not known here") }
        var value: TemplateValue
        let name = steps.first.map(String.init) ?? ""
        if name.isEmpty || Int(name) != nil {
            let index = Int(name) ?? next
            if name.isEmpty { next += 1 }
            guard arguments.positional.indices.contains(index) else { throw rendering.failure("the format wants more values") }
            value = arguments.positional[index]
        } else if let given = arguments.named.first(where: { $0.name == name }) {
            value = given.value
        } else {
            throw rendering.failure("the format has no value of that name")
        }
        for step in steps.dropFirst() {
            if case .undefined = value { throw rendering.undefined("a value of a format") }
            value = Access.attribute(AttributeName(String(step)), of: value)
        }
        return value
    }
}

/// `[[fill]align][sign][0][width][,][.precision][type]`
struct FormatSpecification {
    private var fill: Unicode.Scalar = " "
    private var align: Unicode.Scalar?
    private var sign: Unicode.Scalar = "-"
    private var width = 0
    private var groups = false
    private var precision: Int?
    private var type: Unicode.Scalar?

    init(_ text: String, _ rendering: Rendering) throws(TemplateError) {
        var rest = Array(text.unicodeScalars)[...]
        let aligns: [Unicode.Scalar] = ["<", ">", "^", "="]
        if rest.count >= 2, aligns.contains(rest[rest.startIndex + 1]) {
            fill = rest.removeFirst()
            align = rest.removeFirst()
        } else if let first = rest.first, aligns.contains(first) {
            align = rest.removeFirst()
        }
        if let first = rest.first, first == "+" || first == "-" || first == " " { sign = rest.removeFirst() }
        if rest.first == "0" {
            rest.removeFirst()
            if align == nil { (fill, align) = ("0", "=") }
        }
        width = Self.number(&rest) ?? 0
        if rest.first == "," {
            groups = true
            rest.removeFirst()
        }
        if rest.first == "." {
            rest.removeFirst()
            precision = Self.number(&rest)
            if precision == nil { throw rendering.failure("a format without its precision") }
        }
        type = rest.popFirst()
        guard rest.isEmpty, width <= TextLimits.templateBytes, precision ?? 0 <= 100 else {
            throw rendering.failure("a format that is not known here")
        }
    }

    /// Of the `%` language, whose flags stand in another order.
    init(percent text: String, _ type: String, _ rendering: Rendering) throws(TemplateError) {
        var text = text
        var flags: Set<Character> = []
        while let first = text.first, "-+ #0".contains(first) { flags.insert(text.removeFirst()) }
        let align = flags.contains("-") ? "<" : flags.contains("0") ? "0=" : ">"
        try self.init(align + (flags.contains("+") ? "+" : flags.contains(" ") ? " " : "") + text + type, rendering)
    }

    private static func number(_ rest: inout ArraySlice<Unicode.Scalar>) -> Int? {
        var digits = ""
        while let first = rest.first, ("0"..."9").contains(first), digits.utf8.count < 9 {
            digits.unicodeScalars.append(first)
            rest.removeFirst()
        }
        return Int(digits)
    }

    func format(_ value: TemplateValue, _ rendering: Rendering) throws(TemplateError) -> TemplateText {
        switch (value, type) {
        case (.text(let text), nil), (.text(let text), "s"?):
            guard align != "=" else { throw rendering.failure("texts are not aligned that way") }
            var text = text
            if let precision, case .text(let part) = try Slices(rendering).slice(value, 0, precision, nil) { text = part }
            return try padded(text, standard: "<", rendering)
        case (_, "s"?): throw rendering.failure("a format for texts and a value of type \(value.typeName)")
        default: break
        }
        guard let number = Numeric(value) else { throw rendering.failure("a value of type \(value.typeName) has no such format") }
        return try padded(TemplateText(client: try digits(number, rendering)), standard: ">", rendering)
    }

    private func digits(_ number: Numeric, _ rendering: Rendering) throws(TemplateError) -> String {
        var digits: String
        let isNegative: Bool
        switch (number, type) {
        case (.int(let value), nil), (.int(let value), "d"?):
            guard precision == nil else { throw rendering.failure("integers have no precision") }
            (digits, isNegative) = (String(value.magnitude), value < 0)
        case (.int(let value), "x"?): (digits, isNegative) = (String(value.magnitude, radix: 16), value < 0)
        case (.int(let value), "X"?): (digits, isNegative) = (String(value.magnitude, radix: 16, uppercase: true), value < 0)
        case (.int(let value), "o"?): (digits, isNegative) = (String(value.magnitude, radix: 8), value < 0)
        case (.int(let value), "b"?): (digits, isNegative) = (String(value.magnitude, radix: 2), value < 0)
        case (_, "f"?), (_, "F"?), (_, "%"?):
            let value = number.double * (type == "%" ? 100 : 1)
            isNegative = value.sign == .minus
            try rendering.spend(DecimalText.cost(of: value))
            digits = DecimalText.fixed(value.magnitude, places: precision ?? 6) + (type == "%" ? "%" : "")
        case (.float(let value), nil) where precision == nil:
            (digits, isNegative) = (PythonText.float(value.magnitude), value.sign == .minus)
        default: throw rendering.failure("a format that is not known here")
        }
        if groups { digits = Self.grouped(digits) }
        let mark = isNegative ? "-" : sign == "-" ? "" : String(sign)
        if align == "=" {
            let missing = width - digits.unicodeScalars.count - mark.utf8.count
            try rendering.spend(max(0, missing))
            return mark + String(repeating: String(fill), count: max(0, missing)) + digits
        }
        return mark + digits
    }

    private static func grouped(_ digits: String) -> String {
        let whole = digits.prefix { $0 != "." }
        var result = ""
        for (index, digit) in whole.enumerated() {
            if index > 0 && (whole.count - index) % 3 == 0 { result += "," }
            result.append(digit)
        }
        return result + digits.dropFirst(whole.count)
    }

    private func padded(_ text: TemplateText, standard: Unicode.Scalar, _ rendering: Rendering) throws(TemplateError) -> TemplateText {
        let side: TextPadding.Side
        switch align ?? standard {
        case "<": side = .left
        case "^": side = .center
        default: side = .right
        }
        if side == .center { return try centered(text, rendering) }
        return try TextPadding(rendering).padded(text, width, TemplateText(client: String(fill)), side)
    }

    /// Here the odd one goes to the right, unlike in `str.center`.
    private func centered(_ text: TemplateText, _ rendering: Rendering) throws(TemplateError) -> TemplateText {
        let count = try CodePoints(text, rendering).count
        guard width > count else { return text }
        let fill = TemplateText(client: String(fill))
        let left = try TextPadding(rendering).padded(text, count + (width - count) / 2, fill, .right)
        return try TextPadding(rendering).padded(left, width, fill, .left)
    }
}

/// Decimal digits of floats with a fixed number of places, exact as C prints them.
enum DecimalText {
    /// In steps: very large and very small numbers have hundreds of digits, each of which is computed.
    static func cost(of value: Double) -> Int {
        let exponent = abs(Int(value.exponentBitPattern) - 1075)
        return exponent * exponent / 32 + 1
    }

    /// Rounds half to even on the exact binary value. At most 100 places.
    static func fixed(_ value: Double, places: Int) -> String {
        guard value.isFinite else { return value.isNaN ? "nan" : "inf" }
        // The value is significand × 2^exponent; digits are computed in base 10 with a plain array of decimal digits, the last first.
        var digits: [UInt8] = []
        var significand = value.significandBitPattern | (value.isNormal ? 1 << 52 : 0)
        while significand > 0 {
            digits.append(UInt8(significand % 10))
            significand /= 10
        }
        let exponent = Int(value.exponentBitPattern == 0 ? 1 : value.exponentBitPattern) - 1075
        var fraction = 0
        if exponent >= 0 {
            for _ in 0..<exponent { multiply(&digits, by: 2) }
        } else if value != 0 {
            // Halving adds one decimal place each time: the same as five times, shifted.
            for _ in 0..<(-exponent) { multiply(&digits, by: 5) }
            fraction = -exponent
        }
        if fraction > places {
            round(&digits, dropping: fraction - places)
        } else {
            digits.insert(contentsOf: repeatElement(0, count: places - fraction), at: 0)
        }
        while digits.count <= places { digits.append(0) }
        let text = String(decoding: digits.reversed().map { $0 + UInt8(ascii: "0") }, as: UTF8.self)
        return places == 0 ? text : "\(text.dropLast(places)).\(text.suffix(places))"
    }

    private static func multiply(_ digits: inout [UInt8], by factor: UInt8) {
        var carry: UInt8 = 0
        for index in digits.indices {
            let product = digits[index] * factor + carry
            digits[index] = product % 10
            carry = product / 10
        }
        if carry > 0 { digits.append(carry) }
    }

    private static func round(_ digits: inout [UInt8], dropping count: Int) {
        while digits.count < count { digits.append(0) }
        let dropped = digits[..<count]
        let isHalf = dropped.last == 5 && dropped.dropLast().allSatisfy { $0 == 0 }
        let isUp = (dropped.last ?? 0) > 5 || (dropped.last == 5 && !isHalf) || (isHalf && count < digits.count && digits[count] % 2 == 1)
        digits.removeFirst(count)
        guard isUp else { return }
        for index in digits.indices {
            digits[index] += 1
            guard digits[index] == 10 else { return }
            digits[index] = 0
        }
        digits.append(1)
    }
}
