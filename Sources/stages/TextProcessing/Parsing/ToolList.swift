package import ClusterModel
import JSONText

/// The tools of a request as a parser needs them: their names, and which types their parameters have.
package struct ToolList: Sendable {
    /// JSON's types, as schemas name them.
    struct Types: OptionSet, Sendable {
        let rawValue: UInt8
        static let string = Types(rawValue: 1)
        static let number = Types(rawValue: 2)
        static let boolean = Types(rawValue: 4)
        static let null = Types(rawValue: 8)
        static let object = Types(rawValue: 16)
        static let array = Types(rawValue: 32)
    }

    /// Nil: calls of any name are calls.
    private let parameters: [[UInt8]: [[UInt8]: Types]]?

    /// Calls of any name, parameters of no known type.
    package static let any = ToolList(parameters: nil)

    /// A call of another name is text.
    package init(_ tools: [ToolDefinition]) {
        var parameters: [[UInt8]: [[UInt8]: Types]] = [:]
        for tool in tools { parameters[Array(tool.name.utf8)] = Self.types(of: tool) }
        self.parameters = parameters
    }

    private init(parameters: [[UInt8]: [[UInt8]: Types]]?) { self.parameters = parameters }

    func allows(_ name: [UInt8]) -> Bool { parameters == nil || parameters?[name] != nil }

    /// Empty where nothing is known.
    func types(of parameter: [UInt8], in tool: [UInt8]) -> Types { parameters?[tool]?[parameter] ?? [] }

    private static func types(of tool: ToolDefinition) -> [[UInt8]: Types] {
        guard let definition = try? JSONValue(parsing: tool.json) else { return [:] }
        let function = definition["function"] ?? definition
        guard let properties = function["parameters"]?["properties"]?.asObject else { return [:] }
        var types: [[UInt8]: Types] = [:]
        for member in properties.members { types[Array(member.name.utf8)] = Self.types(of: member.value) }
        return types
    }

    private static func types(of schema: JSONValue) -> Types {
        var types: Types = []
        for name in schema["type"]?.asArray ?? [schema["type"] ?? .null] { types.formUnion(type(named: name.asString)) }
        for keyword in ["anyOf", "oneOf"] {
            for choice in schema[keyword]?.asArray ?? [] {
                for name in choice["type"]?.asArray ?? [choice["type"] ?? .null] { types.formUnion(type(named: name.asString)) }
            }
        }
        if types.isEmpty { for value in schema["enum"]?.asArray ?? [] { types.formUnion(Types(of: value)) } }
        return types
    }

    private static func type(named name: String?) -> Types {
        switch name {
        case "string": .string
        case "integer", "number": .number
        case "boolean": .boolean
        case "null": .null
        case "object": .object
        case "array": .array
        default: []
        }
    }
}

extension ToolList.Types {
    init(of value: JSONValue) {
        switch value {
        case .null: self = .null
        case .bool: self = .boolean
        case .number: self = .number
        case .string: self = .string
        case .array: self = .array
        case .object: self = .object
        }
    }
}
