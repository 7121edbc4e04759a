/// What dicts answer; the methods that change them are given to nobody.
enum DictMethod: String, Sendable { case get, items, keys, values, copy }

struct DictMethods {
    private let rendering: Rendering

    init(_ rendering: Rendering) { self.rendering = rendering }

    func call(_ method: DictMethod, _ dict: TemplateDict, _ arguments: CallArguments) throws(TemplateError) -> TemplateValue {
        if method == .get {
            let count = arguments.positional.count
            guard arguments.named.isEmpty, count == 1 || count == 2 else { throw rendering.failure("get takes one or two arguments") }
            guard arguments.positional[0].isHashable else {
                throw rendering.failure("a value of type \(arguments.positional[0].typeName) cannot be a key")
            }
            try rendering.spend(lookingFor: arguments.positional[0], among: dict.count)
            return dict[arguments.positional[0]] ?? (count == 2 ? arguments.positional[1] : .none)
        }
        guard arguments.isEmpty else { throw rendering.failure("\(method.rawValue) takes no arguments") }
        switch method {
        case .keys: return try rendering.list(dict.members.map(\.key), .keys)
        case .values: return try rendering.list(dict.members.map(\.value), .values)
        case .items: return try rendering.list(try items(of: dict), .items)
        case .copy, .get: return .dict(dict)
        }
    }

    func items(of dict: TemplateDict) throws(TemplateError) -> [TemplateValue] {
        try rendering.spend(2 * dict.count)
        return dict.members.map { .list(TemplateList([$0.key, $0.value], .tuple)) }
    }
}

/// What lists and tuples answer.
enum ListMethod: String, Sendable { case index, count, copy }

struct ListMethods {
    private let rendering: Rendering

    init(_ rendering: Rendering) { self.rendering = rendering }

    func call(_ method: ListMethod, _ list: TemplateList, _ arguments: CallArguments) throws(TemplateError) -> TemplateValue {
        if method == .copy && list.kind == .list { return .list(list) }
        guard arguments.positional.count == 1, arguments.named.isEmpty else {
            throw rendering.failure("\(method.rawValue) takes one argument")
        }
        var count = 0
        for (index, element) in list.elements.enumerated() {
            try rendering.spend(1)
            guard try ValueOrder(rendering).areEqual(element, arguments.positional[0]) else { continue }
            if method == .index { return .int(index) }
            count += 1
        }
        guard method == .count else { throw rendering.failure("the list has no such element") }
        return .int(count)
    }
}
