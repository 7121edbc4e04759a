import ClusterModel
import JSONText

/// Reads the members of one object by name and type, and knows afterwards which of them nobody asked for.
///
/// A member that is null counts as absent everywhere: clients write their defaults so.
struct ObjectReader {
    private let members: [JSONObject.Member]
    /// One bit a member.
    private var taken: UInt128 = 0
    private var remaining: Int
    /// One bit for each length that a name of them has, in bytes up to 63: most of what is asked for is not there, and has another one.
    private let lengths: UInt64

    init(_ object: JSONObject) throws(FieldFault) {
        members = object.members
        remaining = members.count
        lengths = members.reduce(0) { $0 | Self.bit($1.name) }
        guard members.count <= DialectLimits.members else {
            throw .value("", expected: "at most \(DialectLimits.members) members", code: "object_above_max_properties")
        }
    }

    private static func bit(_ name: String) -> UInt64 { 1 << UInt64(min(name.utf8.count, 63)) }

    /// All members are known: nothing that is not is there.
    var isExhausted: Bool { remaining == 0 }

    /// The member, which from now on is known.
    mutating func take(_ name: String) -> JSONValue? {
        guard remaining > 0, lengths & Self.bit(name) != 0 else { return nil }
        let length = name.utf8.count
        for index in members.indices where members[index].name.utf8.count == length && members[index].name == name {
            if taken >> index & 1 == 0 {
                taken |= 1 << index
                remaining -= 1
            }
            // Spelled out: `nil` could also be read as a JSON null.
            return members[index].value.isNull ? Optional.none : .some(members[index].value)
        }
        return nil
    }

    /// Whether it is there, and not null.
    func has(_ name: String) -> Bool { members.contains { $0.name == name && !$0.value.isNull } }

    /// Counts the members that were never taken; `object` stands before their names, such as `nvext.`.
    func listUnknown(in object: String = "", into unknown: inout UnknownFields) {
        guard remaining > 0 else { return }
        for index in members.indices where taken >> index & 1 == 0 { unknown.add(members[index].name, in: object) }
    }

    // MARK: By type

    mutating func text(_ name: String, atMost bytes: Int) throws(FieldFault) -> String? {
        guard let value = take(name) else { return nil }
        return try value.text(name, 0...bytes)
    }

    mutating func flag(_ name: String) throws(FieldFault) -> Bool? {
        guard let value = take(name) else { return nil }
        guard let flag = value.asBool else { throw .type(name, expected: "a boolean", got: value) }
        return flag
    }

    mutating func integer(_ name: String, in range: ClosedRange<Int>) throws(FieldFault) -> Int? {
        guard let value = take(name) else { return nil }
        return try value.integer(name, in: range)
    }

    mutating func word32(_ name: String, from least: UInt32 = 0) throws(FieldFault) -> UInt32? {
        try integer(name, in: Int(least)...Int(UInt32.max)).map { UInt32($0) }
    }

    /// Any integer of 64 bits, with or without sign, as its bits.
    mutating func word64(_ name: String, signed: Bool) throws(FieldFault) -> UInt64? {
        guard let value = take(name) else { return nil }
        guard let number = value.asNumber else { throw .type(name, expected: "an integer", got: value) }
        if let word = number.asUInt64 { return word }
        if signed, let word = number.asInt64 { return UInt64(bitPattern: word) }
        throw .value(name, expected: signed ? "an integer of 64 bits" : "an integer of 64 bits without sign")
    }

    /// A worker by its number, or by the sixteen hexadecimal digits of logs and debug states: not every client has integers of 64 bits.
    mutating func worker(_ name: String) throws(FieldFault) -> WorkerID? {
        guard let value = take(name) else { return nil }
        if let word = value.asNumber?.asUInt64 ?? value.asString.flatMap({ Hexadecimal.word($0) }) { return WorkerID(word) }
        let expected = "an integer of 64 bits without sign, or sixteen hexadecimal digits as a string"
        guard value.asNumber == nil, value.asString == nil else { throw .value(name, expected: expected) }
        throw .type(name, expected: expected, got: value)
    }

    mutating func number(_ name: String, in range: ClosedRange<Double>) throws(FieldFault) -> Double? {
        guard let value = take(name) else { return nil }
        return try value.number(name, in: range)
    }

    mutating func float(_ name: String, in range: ClosedRange<Double>) throws(FieldFault) -> Float? {
        try number(name, in: range).map { Float($0) }
    }

    mutating func array(_ name: String, atMost limit: Int) throws(FieldFault) -> [JSONValue]? {
        guard let value = take(name) else { return nil }
        guard let elements = value.asArray else { throw .type(name, expected: "an array", got: value) }
        guard elements.count <= limit else {
            throw .value(name, expected: "an array with at most \(limit) elements", code: "array_above_max_length")
        }
        return elements
    }

    mutating func texts(_ name: String, atMost limit: Int, bytes: ClosedRange<Int>) throws(FieldFault) -> [String]? {
        guard let elements = try array(name, atMost: limit) else { return nil }
        var texts: [String] = []
        texts.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() { texts.append(try element.text("\(name)[\(index)]", bytes)) }
        return texts
    }

    mutating func object(_ name: String) throws(FieldFault) -> ObjectReader? {
        guard let value = take(name) else { return nil }
        guard let object = value.asObject else { throw .type(name, expected: "an object", got: value) }
        do throws(FieldFault) { return try ObjectReader(object) } catch { throw error.inside(name) }
    }
}

extension JSONValue {
    func text(_ name: String, _ bytes: ClosedRange<Int>) throws(FieldFault) -> String {
        guard let text = asString else { throw .type(name, expected: "a string", got: self) }
        let count = text.utf8.count
        guard count >= bytes.lowerBound else { throw .value(name, expected: "a string that is not empty", code: "string_below_min_length") }
        guard count <= bytes.upperBound else {
            throw .value(name, expected: "a string of at most \(bytes.upperBound) bytes", code: "string_above_max_length")
        }
        return text
    }

    func integer(_ name: String, in range: ClosedRange<Int>) throws(FieldFault) -> Int {
        guard let number = asNumber else { throw .type(name, expected: "an integer", got: self) }
        guard let value = number.asInt else {
            // Integers that fit no Int are too large or too small; everything else is a fraction.
            guard let approximate = number.asDouble, approximate.magnitude >= 0x1p63 else {
                throw .type(name, expected: "an integer", got: self)
            }
            throw Self.outside(name, "integer", isBelow: approximate < 0, "\(range.lowerBound)", "\(range.upperBound)")
        }
        guard range.contains(value) else {
            throw Self.outside(name, "integer", isBelow: value < range.lowerBound, "\(range.lowerBound)", "\(range.upperBound)")
        }
        return value
    }

    func number(_ name: String, in range: ClosedRange<Double>) throws(FieldFault) -> Double {
        guard let number = asNumber else { throw .type(name, expected: "a number", got: self) }
        let value = number.asDouble ?? (number.text.hasPrefix("-") ? -.infinity : .infinity)
        guard range.contains(value) else {
            throw Self.outside(
                name, "decimal", isBelow: value < range.lowerBound, Self.plain(range.lowerBound), Self.plain(range.upperBound))
        }
        return value
    }

    /// Whole numbers without their `.0`.
    private static func plain(_ bound: Double) -> String { Int(exactly: bound).map(String.init) ?? bound.description }

    private static func outside(_ name: String, _ kind: String, isBelow: Bool, _ least: String, _ most: String) -> FieldFault {
        isBelow
            ? .value(name, expected: "a value >= \(least)", code: "\(kind)_below_min_value")
            : .value(name, expected: "a value <= \(most)", code: "\(kind)_above_max_value")
    }
}
