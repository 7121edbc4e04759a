import JSONText

/// Values as text the way Python's `str` and `repr` write them. What nobody wrote, such as brackets and numbers, is not trusted.
struct ValuePrinter {
    let rendering: Rendering

    /// As `str()`.
    func append(_ value: TemplateValue, to builder: inout TextBuilder) throws(TemplateError) {
        switch value {
        case .text(let text):
            try rendering.spend(bytes: text.count)
            builder.append(text)
        case .undefined: break
        default: try appendRepresentation(value, to: &builder)
        }
    }

    func text(_ value: TemplateValue) throws(TemplateError) -> TemplateText {
        if case .text(let text) = value { return text }
        var builder = TextBuilder()
        try append(value, to: &builder)
        return builder.text()
    }

    /// As `repr()`.
    func appendRepresentation(_ value: TemplateValue, to builder: inout TextBuilder) throws(TemplateError) {
        try rendering.spend(1)
        switch value {
        case .undefined: builder.append(untrusted: "Undefined")
        case .none: builder.append(untrusted: "None")
        case .bool(let value): builder.append(untrusted: value ? "True" as StaticString : "False")
        case .int(let value): builder.append(untrusted: String(value))
        case .bigInteger(let digits): builder.append(untrusted: digits)
        case .float(let value):
            try rendering.spend(4)
            builder.append(untrusted: PythonText.float(value))
        case .text(let text): try appendQuoted(text, to: &builder)
        case .list(let list): try append(list, to: &builder)
        case .dict(let dict): try append(dict, to: &builder)
        case .range(let range):
            builder.append(untrusted: "range(\(range.start), \(range.stop)\(range.step == 1 ? "" : ", \(range.step)"))")
        case .namespace, .macro, .function, .iterator, .loop, .method: builder.append(untrusted: "<\(value.typeName)>")
        }
    }

    private func append(_ list: TemplateList, to builder: inout TextBuilder) throws(TemplateError) {
        let open: StaticString
        let close: StaticString
        switch list.kind {
        case .list: (open, close) = ("[", "]")
        case .tuple: (open, close) = ("(", list.elements.count == 1 ? ",)" : ")")
        case .keys: (open, close) = ("dict_keys([", "])")
        case .values: (open, close) = ("dict_values([", "])")
        case .items: (open, close) = ("dict_items([", "])")
        }
        builder.append(untrusted: open)
        for (index, element) in list.elements.enumerated() {
            if index > 0 { builder.append(untrusted: ", " as StaticString) }
            try appendRepresentation(element, to: &builder)
        }
        builder.append(untrusted: close)
    }

    private func append(_ dict: TemplateDict, to builder: inout TextBuilder) throws(TemplateError) {
        builder.append(untrusted: "{" as StaticString)
        for (index, member) in dict.members.enumerated() {
            if index > 0 { builder.append(untrusted: ", " as StaticString) }
            try appendRepresentation(member.key, to: &builder)
            builder.append(untrusted: ": " as StaticString)
            try appendRepresentation(member.value, to: &builder)
        }
        builder.append(untrusted: "}" as StaticString)
    }

    private func appendQuoted(_ text: TemplateText, to builder: inout TextBuilder) throws(TemplateError) {
        try rendering.spend(text.count / 4 + 1)
        let usesDouble = text.bytes.contains(UInt8(ascii: "'")) && !text.bytes.contains(UInt8(ascii: "\""))
        let quote = usesDouble ? UInt8(ascii: "\"") : UInt8(ascii: "'")
        if text.isMarkup { builder.append(untrusted: "Markup(" as StaticString) }
        builder.append(quote, isTrusted: false)
        text.forEachRun { range, isTrusted in
            builder.append(isTrusted: isTrusted) { Self.escape(text.storage[range], quote, to: &$0) }
        }
        builder.append(quote, isTrusted: false)
        if text.isMarkup { builder.append(untrusted: ")" as StaticString) }
    }

    private static func escape(_ bytes: ArraySlice<UInt8>, _ quote: UInt8, to output: inout [UInt8]) {
        var place = bytes.startIndex
        while place < bytes.endIndex {
            let byte = bytes[place]
            let length = min(PythonText.length(of: byte), bytes.endIndex - place)
            switch byte {
            case quote, UInt8(ascii: "\\"): output.append(contentsOf: [UInt8(ascii: "\\"), byte])
            case 0x0A: output.append(contentsOf: #"\n"#.utf8)
            case 0x0D: output.append(contentsOf: #"\r"#.utf8)
            case 0x09: output.append(contentsOf: #"\t"#.utf8)
            case 0x20...0x7E: output.append(byte)
            default:
                let scalar = PythonText.scalar(at: place, in: bytes)
                if byte >= 0x80 && isPrintable(scalar) {
                    output.append(contentsOf: bytes[place..<place + length])
                } else {
                    appendNumber(of: scalar, to: &output)
                }
            }
            place += length
        }
    }

    private static func appendNumber(of scalar: Unicode.Scalar, to output: inout [UInt8]) {
        let digits = String(scalar.value, radix: 16)
        let (letter, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x1_0000 ? ("u", 4) : ("U", 8)
        output.append(contentsOf: "\\\(letter)\(String(repeating: "0", count: width - digits.utf8.count))\(digits)".utf8)
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator, .spaceSeparator: false
        default: true
        }
    }
}
