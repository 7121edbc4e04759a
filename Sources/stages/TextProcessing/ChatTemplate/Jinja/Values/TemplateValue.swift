/// A value of a running template, with the meaning that Python gives it.
enum TemplateValue {
    case undefined
    case none
    case bool(Bool)
    case int(Int)
    /// An integer of a client's that fits no machine word; its digits.
    case bigInteger(String)
    case float(Double)
    case text(TemplateText)
    /// A list or a tuple; neither ever changes.
    case list(TemplateList)
    case dict(TemplateDict)
    case range(TemplateRange)
    /// What filters such as `map` return: gone through once.
    case iterator(TemplateIterator)
    case namespace(TemplateNamespace)
    case macro(TemplateMacro)
    case loop(LoopState)
    case function(TemplateFunction)
    /// A method that was looked up and not called.
    case method(BoundMethod)

    static func string(_ text: StaticString) -> TemplateValue { .text(TemplateText(trusted: text)) }

    static func list(_ elements: [TemplateValue]) -> TemplateValue { .list(TemplateList(elements)) }
}

/// The elements of a list, a tuple or a view of a dict.
final class TemplateList {
    enum Kind { case list, tuple, keys, values, items }

    let elements: [TemplateValue]
    let kind: Kind
    /// Lists and dicts inside each other, this one counted.
    let depth: Int
    /// Steps of comparing it as a key with another; nil if it may be none. Parts that stand in it twice count twice.
    let keyCost: Int?

    init(_ elements: [TemplateValue], _ kind: Kind = .list) {
        self.elements = elements
        self.kind = kind
        depth = 1 + elements.reduce(0) { max($0, $1.depth) }
        keyCost = kind == .tuple ? Self.keyCost(of: elements) : nil
    }

    private static func keyCost(of elements: [TemplateValue]) -> Int? {
        var cost = 1
        for element in elements {
            guard element.isHashable else { return nil }
            switch element {
            case .text(let text): cost += 1 + text.count / TextLimits.templateBytesPerStep
            case .list(let list): cost += list.keyCost ?? 0
            default: cost += 1
            }
            // More than there are steps in any rendering.
            cost = min(cost, 1 << 32)
        }
        return cost
    }
}

/// Elements that are handed out once.
final class TemplateIterator {
    private let elements: [TemplateValue]
    private var next = 0
    let depth: Int

    init(_ elements: [TemplateValue]) {
        self.elements = elements
        depth = 1 + elements.reduce(0) { max($0, $1.depth) }
    }

    func takeAll() -> [TemplateValue] {
        defer { next = elements.count }
        return next == 0 ? elements : Array(elements[next...])
    }

    func takeOne() -> TemplateValue? {
        guard next < elements.count else { return nil }
        next += 1
        return elements[next - 1]
    }
}

struct TemplateRange {
    let start: Int
    let step: Int
    let count: Int

    subscript(index: Int) -> TemplateValue { .int(start &+ index &* step) }
    var stop: Int { start &+ count &* step }
}

/// What `namespace()` returns: the one thing that templates may change.
final class TemplateNamespace {
    private(set) var members: [(name: String, value: TemplateValue)] = []

    subscript(name: String) -> TemplateValue? {
        get { members.first { $0.name == name }?.value }
        set {
            guard let newValue else { return }
            if let place = members.firstIndex(where: { $0.name == name }) {
                members[place].value = newValue
            } else {
                members.append((name, newValue))
            }
        }
    }

    /// Lets go of all values: namespaces may hold each other.
    func clear() { members = [] }
}

final class BoundMethod {
    let receiver: TemplateValue
    let name: String

    init(_ receiver: TemplateValue, _ name: String) {
        self.receiver = receiver
        self.name = name
    }
}

extension TemplateValue {
    /// Of lists and dicts inside each other; what is walked recursively is no deeper than `TextLimits.templateValueDepth`.
    var depth: Int {
        switch self {
        case .list(let list): list.depth
        case .dict(let dict): dict.depth
        case .iterator(let iterator): iterator.depth
        case .method(let method): 1 + method.receiver.depth
        default: 0
        }
    }

    /// What Python calls its type, for messages.
    var typeName: String {
        switch self {
        case .undefined: "undefined value"
        case .none: "None"
        case .bool: "bool"
        case .int, .bigInteger: "int"
        case .float: "float"
        case .text: "str"
        case .list(let list):
            switch list.kind {
            case .list: "list"
            case .tuple: "tuple"
            case .keys: "dict_keys"
            case .values: "dict_values"
            case .items: "dict_items"
            }
        case .dict: "dict"
        case .range: "range"
        case .iterator: "generator"
        case .namespace: "namespace"
        case .macro: "macro"
        case .loop: "loop"
        case .function: "function"
        case .method: "method"
        }
    }

    /// Python's `bool()`.
    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .bool(let value): value
        case .int(let value): value != 0
        case .float(let value): value != 0
        case .text(let text): !text.isEmpty
        case .list(let list): !list.elements.isEmpty
        case .dict(let dict): dict.count > 0
        case .range(let range): range.count > 0
        case .loop(let loop): loop.count > 0
        case .bigInteger, .iterator, .namespace, .macro, .function, .method: true
        }
    }
}
