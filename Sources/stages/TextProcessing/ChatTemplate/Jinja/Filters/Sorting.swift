/// Filters that put values in order. Texts compare without regard to case unless the template asks for it.
extension Collections {
    /// What an element is compared by.
    private func keys(
        _ elements: [TemplateValue], _ attribute: TemplateValue?, caseSensitive: TemplateValue?
    ) throws(TemplateError) -> [TemplateValue] {
        var path: AttributePath?
        if let attribute, !Self.isNone(attribute) { path = try AttributePath(attribute, rendering) }
        let isSensitive = caseSensitive?.isTrue ?? false
        var keys: [TemplateValue] = []
        for element in elements {
            let key = try path.map { path throws(TemplateError) in try path.value(in: element, rendering) } ?? element
            if case .text(let text) = key, !isSensitive {
                keys.append(.text(try TextCase(rendering).changed(text, .lower)))
            } else {
                keys.append(key)
            }
        }
        return keys
    }

    private static func isNone(_ value: TemplateValue) -> Bool { if case .none = value { true } else { false } }

    func sort(_ value: TemplateValue, _ arguments: CallArguments) throws(TemplateError) -> TemplateValue {
        let bound = try arguments.bind(["reverse", "case_sensitive", "attribute"], to: "sort", rendering)
        let elements = try rendering.elements(of: value)
        // Elements that are equal need no order: they are compared as lists of what they are sorted by.
        var keys = [[TemplateValue]](repeating: [], count: elements.count)
        for attribute in try attributes(bound[2]) {
            for (index, key) in try self.keys(elements, attribute, caseSensitive: bound[1]).enumerated() { keys[index].append(key) }
        }
        var lists: [TemplateValue] = []
        for key in keys { lists.append(try rendering.list(key)) }
        let places = try ValueOrder(rendering).sorted(lists, descending: bound[0]?.isTrue ?? false)
        return try rendering.list(places.map { elements[$0] })
    }

    /// One or several, with commas between them.
    private func attributes(_ value: TemplateValue?) throws(TemplateError) -> [TemplateValue?] {
        guard case .text(let names)? = value else { return [value] }
        return try TextSplitting(rendering).split(names, TemplateText(trusted: ","), limit: -1, fromRight: false)
    }

    func dictsort(_ value: TemplateValue, _ arguments: CallArguments) throws(TemplateError) -> TemplateValue {
        let bound = try arguments.bind(["case_sensitive", "by", "reverse"], to: "dictsort", rendering)
        guard case .dict(let dict) = value else {
            if case .undefined = value { throw rendering.undefined("dictsort's value") }
            throw rendering.failure("dictsort takes a dict, not \(value.typeName)")
        }
        let by = try bound[1].map { value throws(TemplateError) in try rendering.text(value, "by").string } ?? "key"
        guard by == "key" || by == "value" else { throw rendering.failure("by must be key or value") }
        let items = try DictMethods(rendering).items(of: dict)
        let keys = try keys(dict.members.map { by == "key" ? $0.key : $0.value }, nil, caseSensitive: bound[0])
        let places = try ValueOrder(rendering).sorted(keys, descending: bound[2]?.isTrue ?? false)
        return try rendering.list(places.map { items[$0] })
    }

    func unique(_ value: TemplateValue, _ arguments: CallArguments) throws(TemplateError) -> TemplateValue {
        let bound = try arguments.bind(["case_sensitive", "attribute"], to: "unique", rendering)
        let elements = try rendering.elements(of: value)
        let keys = try keys(elements, bound[1], caseSensitive: bound[0])
        var kept: [TemplateValue] = []
        var seen = KeySet()
        for (element, key) in zip(elements, keys) {
            guard key.isHashable else { throw rendering.failure("a value of type \(key.typeName) cannot be told from others") }
            try rendering.spend(lookingFor: key, among: seen.linearCount)
            if seen.insert(key) { kept.append(element) }
        }
        return try rendering.iterator(kept)
    }

    func extreme(_ value: TemplateValue, _ arguments: CallArguments, isMaximum: Bool) throws(TemplateError) -> TemplateValue {
        let bound = try arguments.bind(["case_sensitive", "attribute"], to: isMaximum ? "max" : "min", rendering)
        let elements = try rendering.elements(of: value)
        guard !elements.isEmpty else { return .undefined }
        let keys = try keys(elements, bound[1], caseSensitive: bound[0])
        var best = 0
        for index in keys.indices.dropFirst() {
            try rendering.spend(1)
            let isBetter =
                isMaximum
                ? try ValueOrder(rendering).isLess(keys[best], keys[index]) : try ValueOrder(rendering).isLess(keys[index], keys[best])
            if isBetter { best = index }
        }
        return elements[best]
    }

    func groupby(_ value: TemplateValue, _ arguments: CallArguments) throws(TemplateError) -> TemplateValue {
        let bound = try arguments.bind(["attribute", "default", "case_sensitive"], to: "groupby", rendering)
        let elements = try rendering.elements(of: value)
        let attribute = try rendering.required(bound[0], "attribute")
        let keys = try keys(elements, attribute, caseSensitive: bound[2])
        let path = try AttributePath(attribute, rendering)
        let order = ValueOrder(rendering)
        let places = try order.sorted(keys)
        var groups: [TemplateValue] = []
        var start = 0
        while start < places.count {
            var end = start + 1
            while end < places.count, try order.areEqual(keys[places[start]], keys[places[end]]) { end += 1 }
            let members = places[start..<end].map { elements[$0] }
            groups.append(try rendering.list([try path.value(in: members[0], rendering), try rendering.list(members)], .tuple))
            start = end
        }
        return try rendering.list(groups)
    }
}
