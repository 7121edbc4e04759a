/// What may follow `|`.
enum TemplateFilter: String, Sendable {
    case abs, attr, batch, capitalize, center, count, d, `default`, dictsort, e, escape, first, float, forceescape, format
    case fromJSON = "from_json"
    case groupby, indent, int, items, join, last, length, list, lower, map, max, min, reject, rejectattr, replace, reverse, round, safe
    case select, selectattr, slice, sort, string, sum, title, tojson, trim, unique, upper, wordcount
}

struct Filters {
    let rendering: Rendering

    init(_ rendering: Rendering) { self.rendering = rendering }

    func apply(_ filter: TemplateFilter, _ value: TemplateValue, _ arguments: CallArguments) throws(TemplateError) -> TemplateValue {
        switch filter {
        case .tojson: return try json(value, arguments)
        case .fromJSON:
            return try ValueParser.value(of: try rendering.text(value, "from_json's value"), rendering)
        case .length, .count: return .int(try length(value))
        case .trim:
            let bound = try arguments.bind(["chars"], to: "trim", rendering)[0]
            let characters: TemplateText? =
                if case nil = bound { nil } else if case TemplateValue.none? = bound { nil } else { try rendering.text(bound, "chars") }
            return .text(try TextTrimming(rendering).strip(try rendering.text(value), characters, left: true, right: true))
        case .string:
            if case .text = value { return value }
            return .text(try rendering.text(value))
        case .default, .d:
            let bound = try arguments.bind(["default_value", "boolean"], to: "default", rendering)
            if case .undefined = value { return bound[0] ?? .text(.empty) }
            return bound[1]?.isTrue == true && !value.isTrue ? bound[0] ?? .text(.empty) : value
        case .safe: return .text(try rendering.text(value).markup)
        case .e, .escape:
            let text = try rendering.text(value)
            return .text(text.isMarkup ? text : try TextCase(rendering).escaped(text).markup)
        case .forceescape: return .text(try TextCase(rendering).escaped(try rendering.text(value)).markup)
        case .upper: return .text(try TextCase(rendering).changed(try rendering.text(value), .upper))
        case .lower: return .text(try TextCase(rendering).changed(try rendering.text(value), .lower))
        case .capitalize: return .text(try TextCase(rendering).changed(try rendering.text(value), .capitalized))
        case .title: return .text(try title(try rendering.text(value)))
        case .replace: return .text(try replace(value, arguments))
        case .center:
            let width = try rendering.integer(try arguments.bind(["width"], to: "center", rendering)[0], "width") ?? 80
            return .text(try TextPadding(rendering).padded(try rendering.text(value), width, TemplateText(trusted: " ").untrusted, .center))
        case .format:
            guard arguments.named.isEmpty else { throw rendering.failure("format takes values without names here") }
            return .text(
                try PercentFormat(rendering).format(try rendering.text(value), .list(TemplateList(arguments.positional, .tuple))))
        case .indent: return .text(try indent(value, arguments))
        case .wordcount:
            // Words here are runs of letters, digits and underscores.
            var (count, isInside) = (0, false)
            let text = try rendering.text(value)
            try rendering.spend(text.count)
            for scalar in text.string.unicodeScalars {
                let isWord = scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType != nil
                if isWord && !isInside { count += 1 }
                isInside = isWord
            }
            return .int(count)
        case .abs, .int, .float, .round: return try Numbers(rendering).apply(filter, value, arguments)
        case .attr, .batch, .dictsort, .first, .groupby, .items, .join, .last, .list, .map, .max, .min, .reject, .rejectattr, .reverse,
            .select,
            .selectattr, .slice, .sort, .sum, .unique:
            return try Collections(rendering).apply(filter, value, arguments)
        }
    }

    private func length(_ value: TemplateValue) throws(TemplateError) -> Int {
        switch value {
        case .undefined: return 0
        case .text(let text): return try CodePoints(text, rendering).count
        case .list(let list): return list.elements.count
        case .dict(let dict): return dict.count
        case .range(let range): return range.count
        case .loop(let loop): return loop.count
        default: throw rendering.failure("a value of type \(value.typeName) has no length")
        }
    }

    private func json(_ value: TemplateValue, _ arguments: CallArguments) throws(TemplateError) -> TemplateValue {
        var json = ValueJSON(rendering)
        if !arguments.isEmpty {
            let bound = try arguments.bind(["ensure_ascii", "indent", "separators", "sort_keys"], to: "tojson", rendering)
            json.escapesNonASCII = bound[0]?.isTrue ?? false
            json.sortsKeys = bound[3]?.isTrue ?? false
            switch bound[1] {
            case nil, TemplateValue.none?: break
            case .text(let text)?: json.indent = text
            case let value?:
                let width = try rendering.integer(value, "indent") ?? 0
                guard width <= TextLimits.templateNesting else { throw rendering.failure("indent is too large") }
                json.indent = TemplateText(Array(repeating: UInt8(ascii: " "), count: Swift.max(0, width)), isTrusted: false)
            }
            if json.indent != nil { json.itemSeparator = TemplateText(trusted: ",") }
            if case .list(let separators)? = bound[2] {
                guard separators.elements.count == 2 else { throw rendering.failure("separators must be two texts") }
                json.itemSeparator = try rendering.text(separators.elements[0], "a separator")
                json.keySeparator = try rendering.text(separators.elements[1], "a separator")
            }
        }
        var builder = TextBuilder()
        try json.append(value, to: &builder)
        return .text(builder.text())
    }

    private func replace(_ value: TemplateValue, _ arguments: CallArguments) throws(TemplateError) -> TemplateText {
        let bound = try arguments.bind(["old", "new", "count"], to: "replace", rendering)
        let old = try rendering.text(try rendering.required(bound[0], "old"))
        let new = try rendering.text(try rendering.required(bound[1], "new"))
        var limit = -1
        switch bound[2] {
        case nil, TemplateValue.none?: break
        case let value?: limit = try rendering.integer(value, "count") ?? -1
        }
        return try TextSplitting(rendering).replace(try rendering.text(value).plain, old, new.plain, limit: limit)
    }

    /// Words begin behind white space and some marks, other than for `str.title`.
    private func title(_ text: TemplateText) throws(TemplateError) -> TemplateText {
        var builder = TextBuilder(reserving: text.count)
        let points = try CodePoints(text, rendering)
        try rendering.spend(points.count)
        var word = 0
        func isMark(_ index: Int) -> Bool {
            let place = text.range.lowerBound + points.offset(index)
            let byte = text.storage[place]
            return "-([{<".utf8.contains(byte) || PythonText.blank(at: place, in: text.bytes) > 0
        }
        var index = 0
        while index < points.count {
            word = index
            let isSeparator = isMark(index)
            while index < points.count, isMark(index) == isSeparator { index += 1 }
            let part = text.part(points.offset(word)..<points.offset(index))
            if isSeparator {
                builder.append(part)
            } else {
                let first = points.offset(word + 1) - points.offset(word)
                builder.append(try TextCase(rendering).changed(part.part(0..<first), .upper))
                builder.append(try TextCase(rendering).changed(part.part(first..<part.count), .lower))
            }
        }
        return builder.text()
    }

    private func indent(_ value: TemplateValue, _ arguments: CallArguments) throws(TemplateError) -> TemplateText {
        let bound = try arguments.bind(["width", "first", "blank"], to: "indent", rendering)
        let text = try rendering.text(value, "indent's value")
        var margin = TemplateText(trusted: "    ")
        if case .text(let given)? = bound[0] {
            margin = given
        } else if let width = try rendering.integer(bound[0], "width") {
            guard width <= TextLimits.templateNesting else { throw rendering.failure("width is too large") }
            margin = TemplateText(Array(repeating: UInt8(ascii: " "), count: Swift.max(0, width)), isTrusted: true)
        }
        let indentsBlank = bound[2]?.isTrue ?? false
        var whole = TextBuilder(reserving: text.count)
        whole.append(text)
        whole.append(UInt8(ascii: "\n"), isTrusted: text.isEmpty ? true : text.isTrusted(at: text.count - 1))
        // A text that ends with a line feed keeps it: lines are counted with one more at the end.
        let lines = try TextSplitting(rendering).lines(whole.text(), keepsEnds: false)
        var builder = TextBuilder(reserving: text.count)
        if bound[1]?.isTrue ?? false { builder.append(margin) }
        for (index, line) in lines.enumerated() {
            guard case .text(let line) = line else { continue }
            try rendering.spend(bytes: margin.count + line.count)
            if index > 0 {
                builder.append(TemplateText(trusted: "\n").withTrust(of: text))
                if indentsBlank || !line.isEmpty { builder.append(margin) }
            }
            builder.append(line)
        }
        return builder.text()
    }
}

extension TemplateText {
    /// Words that stand for words of another text: trusted only where all of that is.
    func withTrust(of other: TemplateText) -> TemplateText {
        if case .trusted = other.trust { self } else { untrusted }
    }
}
