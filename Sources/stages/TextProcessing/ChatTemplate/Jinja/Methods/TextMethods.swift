/// What texts answer.
enum TextMethod: String, Sendable {
    case capitalize, count, endswith, find, format, index, isalnum, isalpha, isascii, isdigit, islower, isspace, isupper, join, ljust, lower
    case lstrip, partition, removeprefix, removesuffix, replace, rfind, rindex, rjust, rpartition, rsplit, rstrip, split, splitlines,
        startswith
    case strip, swapcase, title, upper, zfill, center
}

struct TextMethods {
    let rendering: Rendering

    init(_ rendering: Rendering) { self.rendering = rendering }

    func call(_ method: TextMethod, _ text: TemplateText, _ arguments: CallArguments) throws(TemplateError) -> TemplateValue {
        switch method {
        case .format: return .text(try BraceFormat(rendering).format(text, arguments))
        case .strip, .lstrip, .rstrip:
            let characters = try only(arguments, method)
            return .text(try TextTrimming(rendering).strip(text, characters, left: method != .rstrip, right: method != .lstrip))
        case .split, .rsplit:
            let bound = try arguments.bind(["sep", "maxsplit"], to: method.rawValue, rendering)
            let limit = try rendering.integer(bound[1], "maxsplit") ?? -1
            return try rendering.list(
                try TextSplitting(rendering).split(text, try separator(bound[0]), limit: limit, fromRight: method == .rsplit))
        case .splitlines:
            let keeps = try arguments.bind(["keepends"], to: method.rawValue, rendering)[0]?.isTrue ?? false
            return try rendering.list(try TextSplitting(rendering).lines(text, keepsEnds: keeps))
        case .startswith, .endswith: return .bool(try affix(text, arguments, isPrefix: method == .startswith))
        case .replace:
            guard (2...3).contains(arguments.positional.count), arguments.named.isEmpty else {
                throw rendering.failure("replace takes two or three arguments")
            }
            return .text(
                try TextSplitting(rendering).replace(
                    text, try rendering.text(arguments.positional[0], "old"), try rendering.text(arguments.positional[1], "new"),
                    limit: arguments.positional.count == 3 ? try rendering.integer(arguments.positional[2], "count") ?? -1 : -1))
        case .join:
            let values = try rendering.required(arguments.positional.first, "iterable")
            return .text(try join(try rendering.elements(of: values), with: text))
        case .upper: return .text(try TextCase(rendering).changed(text, .upper))
        case .lower: return .text(try TextCase(rendering).changed(text, .lower))
        case .title: return .text(try TextCase(rendering).changed(text, .title))
        case .capitalize: return .text(try TextCase(rendering).changed(text, .capitalized))
        case .swapcase: return .text(try TextCase(rendering).changed(text, .swapped))
        case .removeprefix, .removesuffix:
            let part = try rendering.text(arguments.positional.first, "the argument")
            try rendering.spend(bytes: min(part.count, text.count))
            let isThere = method == .removeprefix ? text.bytes.starts(with: part.bytes) : text.hasSuffix(part)
            guard isThere, !part.isEmpty else { return .text(text) }
            return .text(text.part(method == .removeprefix ? part.count..<text.count : 0..<text.count - part.count))
        case .partition, .rpartition: return try partition(text, arguments, fromRight: method == .rpartition)
        case .find, .rfind, .index, .rindex, .count: return try search(method, text, arguments)
        case .ljust, .rjust, .center, .zfill: return .text(try padded(method, text, arguments))
        case .isalnum, .isalpha, .isascii, .isdigit, .islower, .isspace, .isupper: return .bool(try isAll(method, text))
        }
    }

    /// The one argument that is a text, None or absent.
    private func only(_ arguments: CallArguments, _ method: TextMethod) throws(TemplateError) -> TemplateText? {
        guard arguments.named.isEmpty, arguments.positional.count <= 1 else {
            throw rendering.failure("\(method.rawValue) takes one argument at most")
        }
        return try separator(arguments.positional.first)
    }

    private func separator(_ value: TemplateValue?) throws(TemplateError) -> TemplateText? {
        switch value {
        case nil, TemplateValue.none?: nil
        default: try rendering.text(value, "the separator")
        }
    }

    private func affix(_ text: TemplateText, _ arguments: CallArguments, isPrefix: Bool) throws(TemplateError) -> Bool {
        guard let value = arguments.positional.first else { throw rendering.failure("a text is expected") }
        var text = text
        if arguments.positional.count > 1 {
            let (start, end) = try bounds(arguments)
            // Behind the end there is not even an empty text.
            if let start, start > (try CodePoints(text, rendering).count) { return false }
            guard case .text(let part) = try Slices(rendering).slice(.text(text), start, end, nil) else { return false }
            text = part
        }
        var parts = [value]
        if case .list(let list) = value, list.kind == .tuple { parts = list.elements }
        for part in parts {
            let part = try rendering.text(part, "the argument")
            try rendering.spend(bytes: min(part.count, text.count))
            if isPrefix ? text.bytes.starts(with: part.bytes) : text.hasSuffix(part) { return true }
        }
        return false
    }

    private func bounds(_ arguments: CallArguments) throws(TemplateError) -> (Int?, Int?) {
        var bounds: [Int?] = []
        for value in arguments.positional.dropFirst() {
            if case .none = value { bounds.append(nil) } else { bounds.append(try rendering.integer(value, "a bound")) }
        }
        return (bounds.first ?? nil, bounds.count > 1 ? bounds[1] : nil)
    }

    func join(_ elements: [TemplateValue], with separator: TemplateText) throws(TemplateError) -> TemplateText {
        var builder = TextBuilder()
        for (index, element) in elements.enumerated() {
            let element = try rendering.text(element, "each element")
            try rendering.spend(bytes: element.count + separator.count)
            if index > 0 { builder.append(separator) }
            builder.append(element)
        }
        return builder.text()
    }

    private func partition(_ text: TemplateText, _ arguments: CallArguments, fromRight: Bool) throws(TemplateError) -> TemplateValue {
        let separator = try rendering.text(arguments.positional.first, "the separator")
        guard !separator.isEmpty else { throw rendering.failure("an empty separator") }
        let search = TextSearch(rendering)
        let found = fromRight ? try search.last(separator, in: text, before: text.count) : try search.first(separator, in: text, from: 0)
        guard let found else {
            return try rendering.list(
                fromRight ? [.text(.empty), .text(.empty), .text(text)] : [.text(text), .text(.empty), .text(.empty)], .tuple)
        }
        let parts = [text.part(0..<found), text.part(found..<found + separator.count), text.part(found + separator.count..<text.count)]
        return try rendering.list(parts.map { .text($0) }, .tuple)
    }

    private func search(_ method: TextMethod, _ text: TemplateText, _ arguments: CallArguments) throws(TemplateError) -> TemplateValue {
        guard arguments.positional.count == 1 else { throw rendering.failure("\(method.rawValue) takes one argument here") }
        let part = try rendering.text(arguments.positional[0], "the argument")
        let search = TextSearch(rendering)
        if method == .count {
            if part.isEmpty { return .int(try CodePoints(text, rendering).count + 1) }
            var (count, place) = (0, 0)
            while let found = try search.first(part, in: text, from: place) { (count, place) = (count + 1, found + part.count) }
            return .int(count)
        }
        let isLast = method == .rfind || method == .rindex
        let found = isLast ? try search.last(part, in: text, before: text.count) : try search.first(part, in: text, from: 0)
        if let found { return .int(try CodePoints(text.part(0..<found), rendering).count) }
        guard method == .find || method == .rfind else { throw rendering.failure("the text has no such part") }
        return .int(-1)
    }

    private func padded(_ method: TextMethod, _ text: TemplateText, _ arguments: CallArguments) throws(TemplateError) -> TemplateText {
        let width = try rendering.integer(try rendering.required(arguments.positional.first, "width"), "width") ?? 0
        var fill = TemplateText(trusted: " ").untrusted
        if method == .zfill { fill = TemplateText(trusted: "0").untrusted }
        if arguments.positional.count > 1 { fill = try rendering.text(arguments.positional[1], "the fill character") }
        return try TextPadding(rendering).padded(
            text, width, fill, method == .ljust ? .left : method == .center ? .center : method == .zfill ? .number : .right)
    }

    private func isAll(_ method: TextMethod, _ text: TemplateText) throws(TemplateError) -> Bool {
        if method == .islower || method == .isupper { return try TextCase(rendering).isCased(text, upper: method == .isupper) }
        try rendering.spend(text.count / 4 + 1)
        if method == .isascii { return text.bytes.allSatisfy { $0 < 0x80 } }
        guard !text.isEmpty else { return false }
        if method == .isspace { return PythonText.trimmed(text.bytes, left: true, right: false).isEmpty }
        return text.string.unicodeScalars.allSatisfy { scalar in
            let isDigit = scalar.properties.numericType == .decimal || scalar.properties.numericType == .digit
            let isLetter: Bool
            switch scalar.properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: isLetter = true
            default: isLetter = false
            }
            switch method {
            case .isdigit: return isDigit
            case .isalpha: return isLetter
            default: return isLetter || isDigit || scalar.properties.numericType != nil
            }
        }
    }
}

extension TemplateText {
    func hasSuffix(_ suffix: TemplateText) -> Bool {
        suffix.count <= count && storage[range.upperBound - suffix.count..<range.upperBound].elementsEqual(suffix.bytes)
    }
}
