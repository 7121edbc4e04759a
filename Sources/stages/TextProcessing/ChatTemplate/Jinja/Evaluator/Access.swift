/// A name behind a point, looked at once when the template is compiled.
struct AttributeName: Sendable {
    let string: String
    let text: TemplateText
    let mark: UInt64
    let textMethod: TextMethod?
    let dictMethod: DictMethod?
    let listMethod: ListMethod?
    /// Python has it, and changes its value by it: the sandbox gives it to nobody.
    let isForbiddenForDicts: Bool

    init(_ name: String) {
        string = name
        text = TemplateText(Array(name.utf8), isTrusted: true)
        mark = text.mark
        textMethod = TextMethod(rawValue: name)
        dictMethod = DictMethod(rawValue: name)
        listMethod = ListMethod(rawValue: name)
        isForbiddenForDicts = ["clear", "pop", "popitem", "setdefault", "update", "fromkeys"].contains(name)
    }
}

/// `value.name`, `value[index]`. What is not there is undefined, not an error; the undefined itself has to be refused before.
enum Access {
    /// Methods win over members, as Python's attributes do.
    static func attribute(_ name: AttributeName, of value: TemplateValue) -> TemplateValue {
        switch value {
        case .dict(let dict):
            if name.dictMethod != nil { return .method(BoundMethod(value, name.string)) }
            if name.isForbiddenForDicts { return .undefined }
            return dict[name.text, mark: name.mark] ?? .undefined
        case .namespace(let namespace): return namespace[name.string] ?? .undefined
        case .loop(let loop): return loop.attribute(name.string) ?? .undefined
        default: return method(name, of: value)
        }
    }

    /// Only a method; what `value['name']` finds where there is no such member.
    static func method(_ name: AttributeName, of value: TemplateValue) -> TemplateValue {
        let exists =
            switch value {
            case .text: name.textMethod != nil
            case .dict: name.dictMethod != nil
            case .list(let list): (list.kind == .list || list.kind == .tuple) && name.listMethod != nil
            case .namespace, .loop: false
            default: false
            }
        if case .loop(let loop) = value { return loop.attribute(name.string) ?? .undefined }
        if case .namespace(let namespace) = value { return namespace[name.string] ?? .undefined }
        return exists ? .method(BoundMethod(value, name.string)) : .undefined
    }

    static func item(_ index: TemplateValue, of value: TemplateValue, _ rendering: Rendering) throws(TemplateError) -> TemplateValue {
        switch (value, index) {
        case (.dict(let dict), _):
            guard index.isHashable else { return .undefined }
            try rendering.spend(lookingFor: index, among: dict.count)
            if let member = dict[index] { return member }
        case (.list(let list), _) where list.kind == .list || list.kind == .tuple:
            if case .int(let place)? = Numeric(index) { return element(place, list.elements.count).map { list.elements[$0] } ?? .undefined }
        case (.range(let range), _):
            if case .int(let place)? = Numeric(index) { return element(place, range.count).map { range[$0] } ?? .undefined }
        case (.text(let text), _): if case .int(let place)? = Numeric(index) { return try character(place, of: text, rendering) }
        default: break
        }
        guard case .text(let name) = index else { return .undefined }
        try rendering.spend(bytes: name.count)
        return method(AttributeName(name.string), of: value)
    }

    /// Counts from the end below zero.
    private static func element(_ place: Int, _ count: Int) -> Int? {
        let index = place < 0 ? place &+ count : place
        return index >= 0 && index < count ? index : nil
    }

    private static func character(_ place: Int, of text: TemplateText, _ rendering: Rendering) throws(TemplateError) -> TemplateValue {
        let points = try CodePoints(text, rendering)
        guard let index = element(place, points.count) else { return .undefined }
        return .text(text.part(points.offset(index)..<points.offset(index + 1)))
    }
}
