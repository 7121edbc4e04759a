/// Any JSON value, as read or to be written.
///
/// Numbers keep their text and objects the order of their members, so that what was read can be written again unchanged but for white space
/// and the spelling of escapes. Equality is exact: strings by their bytes, numbers by their text, objects with the order of their members.
package enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)
}

// MARK: Reading

extension JSONValue {
    /// Reads one strict RFC 8259 text: valid UTF-8, no byte order mark, no duplicate members, no half surrogates, nothing behind the value.
    /// Time is linear in the length of the text, whatever it contains.
    package init(parsing text: RawSpan, limits: JSONLimits = .request) throws(JSONError) {
        var parser = JSONParser(text, limits: limits)
        self = try parser.document()
    }

    package init(parsing text: UnsafeRawBufferPointer, limits: JSONLimits = .request) throws(JSONError) {
        try self.init(parsing: text.bytes, limits: limits)
    }

    package init(parsing text: [UInt8], limits: JSONLimits = .request) throws(JSONError) {
        try self.init(parsing: text.span.bytes, limits: limits)
    }

    package init(parsing text: String, limits: JSONLimits = .request) throws(JSONError) {
        try self.init(parsing: text.utf8.span.bytes, limits: limits)
    }
}

// MARK: Looking inside

extension JSONValue {
    package var isNull: Bool { if case .null = self { true } else { false } }
    package var asBool: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var asNumber: JSONNumber? { if case .number(let value) = self { value } else { nil } }
    package var asString: String? { if case .string(let value) = self { value } else { nil } }
    package var asArray: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
    package var asObject: JSONObject? { if case .object(let value) = self { value } else { nil } }

    /// Exact, or nil: see `JSONNumber`.
    package var asInt: Int? { asNumber?.asInt }
    package var asInt64: Int64? { asNumber?.asInt64 }
    package var asUInt64: UInt64? { asNumber?.asUInt64 }
    package var asDouble: Double? { asNumber?.asDouble }

    /// The member of that name, nil if there is none or this is no object.
    package subscript(name: String) -> JSONValue? { asObject?[name] }

    /// The element at that place, nil if there is none or this is no array.
    package subscript(index: Int) -> JSONValue? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }
}

extension JSONValue: Equatable {
    package static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)): left.hasSameBytes(as: right)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }
}

// MARK: Literals

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(nilLiteral: ()) { self = .null }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int64) { self = .number(JSONNumber(value)) }
    package init(floatLiteral value: Double) { self = JSONNumber(value).map(JSONValue.number) ?? .null }
    package init(stringLiteral value: String) { self = .string(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }

    /// A name given twice keeps its first place and its last value.
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        var object = JSONObject()
        for (name, value) in elements { object[name] = value }
        self = .object(object)
    }
}
