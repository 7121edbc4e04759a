import JSONText

/// Values as JSON the way Python's `json.dumps` writes them, which is what `tojson` means in a chat template.
struct ValueJSON {
    let rendering: Rendering
    var escapesNonASCII = false
    /// What one level is moved in by; nil: all in one line.
    var indent: TemplateText?
    var itemSeparator = TemplateText(trusted: ", ")
    var keySeparator = TemplateText(trusted: ": ")
    var sortsKeys = false

    init(_ rendering: Rendering) { self.rendering = rendering }

    func append(_ value: TemplateValue, level: Int = 0, to builder: inout TextBuilder) throws(TemplateError) {
        try rendering.spend(1)
        switch value {
        case .none: builder.append(untrusted: "null" as StaticString)
        case .bool(let value): builder.append(untrusted: value ? "true" as StaticString : "false")
        case .int(let value): builder.append(isTrusted: false) { Self.appendDigits(value, to: &$0) }
        case .bigInteger(let digits): builder.append(untrusted: digits)
        case .float(let value): builder.append(untrusted: Self.float(value))
        case .text(let text): try append(text, to: &builder)
        case .list(let list) where list.kind == .list || list.kind == .tuple: try append(list, level, to: &builder)
        case .dict(let dict): try append(dict, level, to: &builder)
        default: throw rendering.failure("a value of type \(value.typeName) has no JSON form")
        }
    }

    private func append(_ list: TemplateList, _ level: Int, to builder: inout TextBuilder) throws(TemplateError) {
        guard !list.elements.isEmpty else { return builder.append(untrusted: "[]" as StaticString) }
        builder.append(untrusted: "[" as StaticString)
        for (index, element) in list.elements.enumerated() {
            try separate(index, level + 1, &builder)
            try append(element, level: level + 1, to: &builder)
        }
        try breakLine(level, &builder)
        builder.append(untrusted: "]" as StaticString)
    }

    private func append(_ dict: TemplateDict, _ level: Int, to builder: inout TextBuilder) throws(TemplateError) {
        guard dict.count > 0 else { return builder.append(untrusted: "{}" as StaticString) }
        builder.append(untrusted: "{" as StaticString)
        var members = dict.members
        if sortsKeys {
            let places = try ValueOrder(rendering).sorted(members.map(\.key))
            members = places.map { members[$0] }
        }
        for (index, member) in members.enumerated() {
            try separate(index, level + 1, &builder)
            try appendKey(member.key, to: &builder)
            try rendering.spend(bytes: keySeparator.count)
            builder.append(keySeparator.untrusted)
            try append(member.value, level: level + 1, to: &builder)
        }
        try breakLine(level, &builder)
        builder.append(untrusted: "}" as StaticString)
    }

    private func appendKey(_ key: TemplateValue, to builder: inout TextBuilder) throws(TemplateError) {
        if case .text(let text) = key { return try append(text, to: &builder) }
        var word = TextBuilder()
        try append(key, to: &word)
        try append(word.text(), to: &builder)
    }

    private func separate(_ index: Int, _ level: Int, _ builder: inout TextBuilder) throws(TemplateError) {
        if index > 0 {
            try rendering.spend(bytes: itemSeparator.count)
            builder.append(itemSeparator.untrusted)
        }
        try breakLine(level, &builder)
    }

    private func breakLine(_ level: Int, _ builder: inout TextBuilder) throws(TemplateError) {
        guard let indent else { return }
        try rendering.spend(bytes: level * indent.count)
        builder.append(untrusted: "\n" as StaticString)
        for _ in 0..<level { builder.append(indent.untrusted) }
    }

    private func append(_ text: TemplateText, to builder: inout TextBuilder) throws(TemplateError) {
        // A byte may become six.
        try rendering.spend(bytes: text.count)
        try rendering.spend(text.count / TextLimits.templateBytesPerStep)
        builder.append(UInt8(ascii: "\""), isTrusted: false)
        text.forEachRun { range, isTrusted in
            builder.append(isTrusted: isTrusted) { output in
                if escapesNonASCII {
                    Self.escapeASCII(text.storage[range], to: &output)
                } else {
                    JSONWriter.appendEscaped(utf8: text.storage.span.bytes.extracting(range), to: &output)
                }
            }
        }
        builder.append(UInt8(ascii: "\""), isTrusted: false)
    }

    private static func float(_ value: Double) -> String {
        value.isNaN ? "NaN" : value.isInfinite ? value < 0 ? "-Infinity" : "Infinity" : PythonText.float(value)
    }

    private static func appendDigits(_ value: Int, to output: inout [UInt8]) {
        if value < 0 { output.append(UInt8(ascii: "-")) }
        JSONWriter.appendDigits(UInt64(value.magnitude), to: &output)
    }

    private static func escapeASCII(_ bytes: ArraySlice<UInt8>, to output: inout [UInt8]) {
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            if scalar.value < 0x7F {
                JSONWriter.appendEscaped(String(scalar), to: &output)
            } else {
                for unit in UTF16.encode(scalar)! {
                    let digits = String(unit, radix: 16)
                    output.append(contentsOf: "\\u\(String(repeating: "0", count: 4 - digits.utf8.count))\(digits)".utf8)
                }
            }
        }
    }
}

extension TemplateText {
    /// The same words, vouched for by nobody.
    var untrusted: TemplateText { TemplateText(storage, range, .untrusted) }
}
