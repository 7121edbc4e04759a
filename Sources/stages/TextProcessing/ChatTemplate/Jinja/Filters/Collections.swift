/// Filters that go through values.
struct Collections {
    let rendering: Rendering

    init(_ rendering: Rendering) { self.rendering = rendering }

    func apply(_ filter: TemplateFilter, _ value: TemplateValue, _ arguments: CallArguments) throws(TemplateError) -> TemplateValue {
        switch filter {
        case .list: return try rendering.list(try rendering.elements(of: value))
        case .first: return try first(of: value)
        case .last: return try last(of: value)
        case .items:
            switch value {
            case .undefined: return try rendering.iterator([])
            case .dict(let dict): return try rendering.iterator(try DictMethods(rendering).items(of: dict))
            default: throw rendering.failure("items takes a dict, not \(value.typeName)")
            }
        case .join: return .text(try join(value, arguments))
        case .map: return try map(value, arguments)
        case .select, .reject, .selectattr, .rejectattr: return try select(filter, value, arguments)
        case .dictsort: return try dictsort(value, arguments)
        case .sort: return try sort(value, arguments)
        case .unique: return try unique(value, arguments)
        case .min, .max: return try extreme(value, arguments, isMaximum: filter == .max)
        case .sum: return try sum(value, arguments)
        case .reverse: return try reverse(value)
        case .groupby: return try groupby(value, arguments)
        case .batch, .slice: return try parts(filter, value, arguments)
        default:
            let name = try rendering.text(try arguments.bind(["name"], to: "attr", rendering)[0], "name")
            try rendering.spend(bytes: name.count)
            if case .undefined = value { throw rendering.undefined("attr's value") }
            if case .dict = value { return Access.method(AttributeName(name.string), of: value) }
            return Access.attribute(AttributeName(name.string), of: value)
        }
    }

    private func first(of value: TemplateValue) throws(TemplateError) -> TemplateValue {
        switch value {
        case .iterator(let iterator): return iterator.takeOne() ?? .undefined
        case .text(let text):
            guard let byte = text.bytes.first else { return .undefined }
            return .text(text.plain.part(0..<min(PythonText.length(of: byte), text.count)))
        case .range(let range): return range.count > 0 ? range[0] : .undefined
        default: return try rendering.elements(of: value).first ?? .undefined
        }
    }

    private func last(of value: TemplateValue) throws(TemplateError) -> TemplateValue {
        switch value {
        case .iterator: throw rendering.failure("a generator has no last element")
        case .text(let text):
            guard !text.isEmpty else { return .undefined }
            return .text(text.part(PythonText.lastScalar(of: text.bytes) - text.range.lowerBound..<text.count))
        case .range(let range): return range.count > 0 ? range[range.count - 1] : .undefined
        default: return try rendering.elements(of: value).last ?? .undefined
        }
    }

    private func join(_ value: TemplateValue, _ arguments: CallArguments) throws(TemplateError) -> TemplateText {
        let bound = try arguments.bind(["d", "attribute"], to: "join", rendering)
        let separator = try bound[0].map { value throws(TemplateError) in try rendering.text(value) } ?? .empty
        var elements = try rendering.elements(of: value)
        if let attribute = bound[1] {
            let path = try AttributePath(attribute, rendering)
            var parts: [TemplateValue] = []
            for element in elements { parts.append(try path.value(in: element, rendering)) }
            elements = parts
        }
        var builder = TextBuilder()
        let printer = ValuePrinter(rendering: rendering)
        for (index, element) in elements.enumerated() {
            if index > 0 {
                try rendering.spend(bytes: separator.count)
                builder.append(separator)
            }
            try printer.append(element, to: &builder)
        }
        return builder.text()
    }

    private func map(_ value: TemplateValue, _ arguments: CallArguments) throws(TemplateError) -> TemplateValue {
        var results: [TemplateValue] = []
        // Nothing, in whatever form, has no elements here.
        guard value.isTrue else { return try rendering.iterator([]) }
        if arguments.positional.isEmpty {
            guard let attribute = arguments.named.first(where: { $0.name == "attribute" })?.value else {
                throw rendering.failure("map takes a filter or an attribute")
            }
            let path = try AttributePath(attribute, rendering)
            let standard = arguments.named.first { $0.name == "default" }?.value
            for element in try rendering.elements(of: value) {
                try rendering.spend(1)
                let member = try path.value(in: element, rendering)
                if case .undefined = member, let standard { results.append(standard) } else { results.append(member) }
            }
            return try rendering.iterator(results)
        }
        let name = try rendering.text(arguments.positional[0], "the filter's name").string
        guard let filter = TemplateFilter(rawValue: name) else { throw rendering.failure("a filter that is not known here") }
        let rest = CallArguments(positional: Array(arguments.positional.dropFirst()), named: arguments.named)
        for element in try rendering.elements(of: value) {
            try rendering.spend(1)
            results.append(try Filters(rendering).apply(filter, element, rest))
        }
        return try rendering.iterator(results)
    }

    private func select(_ filter: TemplateFilter, _ value: TemplateValue, _ arguments: CallArguments) throws(TemplateError) -> TemplateValue
    {
        guard value.isTrue else { return try rendering.iterator([]) }
        let usesAttribute = filter == .selectattr || filter == .rejectattr
        let isWanted = filter == .select || filter == .selectattr
        var rest = arguments.positional[...]
        var path: AttributePath?
        if usesAttribute {
            guard let attribute = rest.popFirst() else { throw rendering.failure("an attribute is expected") }
            path = try AttributePath(attribute, rendering)
        }
        var test: TemplateTest?
        if let name = rest.popFirst() {
            let name = try rendering.text(name, "the test's name").string
            guard let known = TemplateTest(name: name) else { throw rendering.failure("a test that is not known here") }
            test = known
        }
        let given = CallArguments(positional: Array(rest), named: arguments.named)
        var results: [TemplateValue] = []
        for element in try rendering.elements(of: value) {
            try rendering.spend(1)
            let subject = try path.map { path throws(TemplateError) in try path.value(in: element, rendering) } ?? element
            let holds = try test.map { test throws(TemplateError) in try Tests(rendering).holds(test, subject, given) } ?? subject.isTrue
            if holds == isWanted { results.append(element) }
        }
        return try rendering.iterator(results)
    }

    private func sum(_ value: TemplateValue, _ arguments: CallArguments) throws(TemplateError) -> TemplateValue {
        let bound = try arguments.bind(["attribute", "start"], to: "sum", rendering)
        var sum = bound[1] ?? .int(0)
        let path = try bound[0].map { value throws(TemplateError) in try AttributePath(value, rendering) }
        for element in try rendering.elements(of: value) {
            try rendering.spend(1)
            let term = try path.map { path throws(TemplateError) in try path.value(in: element, rendering) } ?? element
            if case .text = sum { throw rendering.failure("texts cannot be summed") }
            sum = try Operators(rendering).apply(.add, sum, term)
        }
        return sum
    }

    private func reverse(_ value: TemplateValue) throws(TemplateError) -> TemplateValue {
        switch value {
        case .text: return try Slices(rendering).slice(value, nil, nil, -1)
        default: return try rendering.iterator(try rendering.elements(of: value).reversed())
        }
    }

    private func parts(_ filter: TemplateFilter, _ value: TemplateValue, _ arguments: CallArguments) throws(TemplateError) -> TemplateValue
    {
        let bound = try arguments.bind([filter == .batch ? "linecount" : "slices", "fill_with"], to: filter.rawValue, rendering)
        guard let count = try rendering.integer(bound[0], "the count"), count > 0 else { throw rendering.failure("a count is expected") }
        let elements = try rendering.elements(of: value)
        var fill: TemplateValue?
        if let given = bound[1] { if case .none = given { fill = nil } else { fill = given } }
        var lists: [TemplateValue] = []
        if filter == .batch {
            guard count <= TextLimits.templateRange else { throw rendering.failure("a count that is too large") }
            var start = 0
            while start < elements.count {
                var part = Array(elements[start..<min(start + count, elements.count)])
                if let fill { part += [TemplateValue](repeating: fill, count: count - part.count) }
                lists.append(try rendering.list(part))
                start += count
            }
        } else {
            guard count <= TextLimits.templateRange else { throw rendering.failure("a count that is too large") }
            var start = 0
            for index in 0..<count {
                let length = elements.count / count + (index < elements.count % count ? 1 : 0)
                var part = Array(elements[start..<start + length])
                if let fill, index >= elements.count % count, elements.count % count != 0 || elements.count == 0 { part.append(fill) }
                lists.append(try rendering.list(part))
                start += length
            }
        }
        return try rendering.iterator(lists)
    }
}

/// `a.b.0`: what filters reach into their elements with.
struct AttributePath {
    private let steps: [TemplateValue]

    init(_ value: TemplateValue, _ rendering: Rendering) throws(TemplateError) {
        if case .text(let text) = value {
            let parts = try TextSplitting(rendering).split(text, TemplateText(trusted: "."), limit: -1, fromRight: false)
            steps = parts.map { part in
                guard case .text(let text) = part, !text.isEmpty, text.bytes.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return part }
                return Int(text.string).map { .int($0) } ?? part
            }
        } else {
            steps = [value]
        }
    }

    func value(in element: TemplateValue, _ rendering: Rendering) throws(TemplateError) -> TemplateValue {
        var value = element
        for step in steps {
            if case .undefined = value { throw rendering.undefined("an element") }
            value = try Access.item(step, of: value, rendering)
        }
        return value
    }
}
