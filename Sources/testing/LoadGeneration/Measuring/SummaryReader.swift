import ClusterModel
import JSONText

/// Why a document is no summary of ours: the member, and what is wrong with it.
package struct SummaryReadError: Error, Hashable, CustomStringConvertible {
    package let member: String
    package let problem: String

    package var description: String { "\(member.isEmpty ? "the document" : member) \(problem)" }
}

/// One object of a document, whose members are asked for by name.
struct SummaryReader {
    private let object: JSONObject
    private let path: String

    init(_ value: JSONValue?, path: String) throws(SummaryReadError) {
        guard let value else { throw SummaryReadError(member: path, problem: "is missing") }
        guard case .object(let object) = value else { throw SummaryReadError(member: path, problem: "is no object") }
        self.object = object
        self.path = path
    }

    func problem(_ name: String, _ problem: String) -> SummaryReadError { SummaryReadError(member: place(name), problem: problem) }

    func place(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    func value(_ name: String) -> JSONValue? { object[name] }

    var names: [String] { object.members.map(\.name) }

    func object(_ name: String) throws(SummaryReadError) -> SummaryReader { try SummaryReader(object[name], path: place(name)) }

    func has(_ name: String) -> Bool { object[name].map { !$0.isNull } ?? false }

    func text(_ name: String) throws(SummaryReadError) -> String {
        guard let text = object[name]?.asString else { throw problem(name, "is no text") }
        return text
    }

    /// At most 2^53: sums of many cannot overflow.
    func count(_ name: String) throws(SummaryReadError) -> UInt64 {
        guard let value = object[name]?.asUInt64, value <= 1 << 53 else { throw problem(name, "is no count") }
        return value
    }

    /// Of microseconds: up to 64 bits.
    func sum(_ name: String) throws(SummaryReadError) -> UInt64 {
        guard let value = object[name]?.asUInt64 else { throw problem(name, "is no whole number") }
        return value
    }

    /// Milliseconds to the microsecond, up to 31 years, which a double holds exactly; nil where the member is null or missing.
    func milliseconds(_ name: String) throws(SummaryReadError) -> Duration? {
        guard has(name) else { return nil }
        guard let value = object[name]?.asDouble, value.magnitude <= 1e12 else { throw problem(name, "is no number of milliseconds") }
        return .microseconds(Int64((value * 1_000).rounded()))
    }

    /// An array of so many elements at most.
    func array(_ name: String, atMost limit: Int) throws(SummaryReadError) -> [JSONValue] {
        guard let elements = object[name]?.asArray else { throw problem(name, "is no array") }
        guard elements.count <= limit else { throw problem(name, "has more than \(limit) elements") }
        return elements
    }

    /// `[lowest, count, lowest, count, …]`.
    func slots(_ name: String) throws(SummaryReadError) -> [(lowestMicroseconds: UInt64, count: UInt64)] {
        let flat = try array(name, atMost: 2 * LatencyHistogram.scale.slotCount)
        guard flat.count.isMultiple(of: 2) else { throw problem(name, "has a value without its count") }
        var slots: [(lowestMicroseconds: UInt64, count: UInt64)] = []
        slots.reserveCapacity(flat.count / 2)
        for index in stride(from: 0, to: flat.count, by: 2) {
            guard let lowest = flat[index].asUInt64, let count = flat[index + 1].asUInt64 else {
                throw SummaryReadError(member: "\(place(name))[\(index)]", problem: "is no whole number")
            }
            slots.append((lowest, count))
        }
        return slots
    }
}

extension JSONWriter {
    mutating func member(_ name: String, _ value: UInt64) {
        key(name)
        number(value)
    }

    mutating func member(_ name: String, _ value: Double?) {
        key(name)
        if let value { number(value) } else { null() }
    }

    mutating func member(_ name: String, _ value: String) {
        key(name)
        string(value)
    }

    /// To the microsecond, so that it reads back as the same.
    mutating func member(_ name: String, milliseconds: Duration?) {
        member(name, milliseconds.map { Double(($0.inNanoseconds + ($0 < .zero ? -500 : 500)) / 1_000) / 1_000 })
    }

    mutating func member(_ name: String, slots: [(lowestMicroseconds: UInt64, count: UInt64)]) {
        key(name)
        beginArray()
        for slot in slots {
            number(slot.lowestMicroseconds)
            number(slot.count)
        }
        endArray()
    }
}
