import JSONText

/// A schema as a JSON document whose values are numbered as they are looked at, so that each of them is known by a number however it is reached;
/// and the steps that may still be spent on it. One for all who read it: of what they learn nothing depends on who came first.
///
/// Whoever does something that grows with what a client wrote spends steps for it, and looks at `isSpent` where that may have been many.
final class SchemaTree {
    private struct Place {
        let value: JSONValue
        let parent: Int
        /// Of a member or an element.
        let index: Int
    }

    private struct Step: Hashable {
        let parent: Int
        let index: Int
    }

    private var places: [Place]
    private var steps: [Step: Int] = [:]
    /// Of large objects, where each name stands.
    private var names: [Int: [[UInt8]: Int]] = [:]
    /// Of schemas that have one: nil where it is not understood.
    private var patterns: [Int: SchemaPattern?] = [:]
    /// Of schemas with a reference, where it leads: nil where it names nothing.
    private var targets: [Int: Int?] = [:]
    private var heights: [Int: Int] = [:]
    private var spent = 0
    static let root = 0

    init(_ document: JSONValue) { places = [Place(value: document, parent: -1, index: 0)] }

    subscript(place: Int) -> JSONValue { places[place].value }

    // MARK: Steps

    /// False when there are none left.
    @discardableResult
    func spend(_ count: Int = 1) -> Bool {
        spent += count
        return !isSpent
    }

    /// For a text that is compared, hashed or copied.
    @discardableResult
    func spend(on text: String) -> Bool { spend(bytes: text.utf8.count) }

    @discardableResult
    func spend(bytes: Int) -> Bool { spend(1 + bytes / SchemaLimits.bytesOfStep) }

    var isSpent: Bool { spent >= SchemaLimits.steps }

    // MARK: Places

    /// The place of the member or element with this number, which is there.
    func step(_ place: Int, _ index: Int) -> Int {
        let step = Step(parent: place, index: index)
        if let known = steps[step] { return known }
        let value: JSONValue
        switch places[place].value {
        case .object(let object): value = object.members[index].value
        case .array(let elements): value = elements[index]
        default: preconditionFailure("only what is inside something has a number there")
        }
        steps[step] = places.count
        places.append(Place(value: value, parent: place, index: index))
        return places.count - 1
    }

    /// The pattern of the schema there.
    func pattern(of place: Int) -> SchemaPattern? {
        if let known = patterns[place] { return known }
        let pattern = places[place].value["pattern"]?.asString.flatMap(SchemaPattern.init)
        patterns[place] = .some(pattern)
        return pattern
    }

    /// The places of all elements; none when there are no steps left for so many.
    func elements(of place: Int) -> [Int] {
        let elements = places[place].value.asArray ?? []
        guard spend(elements.count) else { return [] }
        return elements.indices.map { step(place, $0) }
    }

    /// Objects and arrays inside each other in the value there.
    func height(of place: Int) -> Int {
        if let known = heights[place] { return known }
        let height = places[place].value.height
        heights[place] = height
        return height
    }

    /// The place that the `$ref` of the schema there names; nil where it names nothing of this document.
    func reference(of place: Int) -> Int? {
        if let known = targets[place] { return known }
        let target = places[place].value["$ref"]?.asString.flatMap(resolve)
        targets[place] = .some(target)
        return target
    }

    private func resolve(_ reference: String) -> Int? {
        spend(on: reference)
        guard reference.utf8.first == UInt8(ascii: "#") else { return nil }
        var place = Self.root
        let path = reference.utf8.dropFirst()
        guard !path.isEmpty else { return place }
        guard path.first == UInt8(ascii: "/") else { return nil }
        for token in path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard let next = find(Self.unescaped(token), in: place) else { return nil }
            place = next
        }
        return place
    }

    /// Where a schema that is a reference and nothing else leads.
    func target(of place: Int) -> Int {
        var place = place
        for _ in 0..<SchemaLimits.placesOfNode {
            guard places[place].value.asObject?.count == 1, spend(), let target = reference(of: place) else { break }
            place = target
        }
        return place
    }

    private static let searchedLinearly = 16

    private func index(of name: [UInt8], _ object: JSONObject, _ place: Int) -> Int? {
        guard object.count > Self.searchedLinearly else { return object.members.firstIndex { $0.name.utf8.elementsEqual(name) } }
        if let known = names[place] { return known[name] }
        var made: [[UInt8]: Int] = [:]
        for (index, member) in object.members.enumerated() { made[Array(member.name.utf8)] = index }
        names[place] = made
        return made[name]
    }

    private func find(_ token: [UInt8], in place: Int) -> Int? {
        switch places[place].value {
        case .object(let object): index(of: token, object, place).map { step(place, $0) }
        case .array(let elements):
            Int(String(decoding: token, as: UTF8.self)).flatMap { elements.indices.contains($0) ? step(place, $0) : nil }
        default: nil
        }
    }

    /// `%2F` of URIs first, then `~1` and `~0` of pointers.
    private static func unescaped(_ token: Substring.UTF8View) -> [UInt8] {
        var bytes: [UInt8] = [], source = token
        while let byte = source.popFirst() {
            if byte == UInt8(ascii: "%"), let code = UInt8(String(Substring(source.prefix(2))), radix: 16) {
                bytes.append(code)
                source = source.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        var result: [UInt8] = [], isEscaped = false
        for byte in bytes {
            if isEscaped {
                result.append(byte == UInt8(ascii: "1") ? UInt8(ascii: "/") : UInt8(ascii: "~"))
                isEscaped = false
            } else if byte == UInt8(ascii: "~") {
                isEscaped = true
            } else {
                result.append(byte)
            }
        }
        return result
    }

    /// A JSON pointer to the place and, if wanted, a keyword in it; printable, and cut where it is long.
    func pointer(_ place: Int, _ keyword: String? = nil) -> String {
        var steps: [String] = keyword.map { [$0] } ?? [], place = place
        while place > 0 {
            let index = places[place].index
            place = places[place].parent
            if case .object(let object) = places[place].value { steps.append(object.members[index].name) } else { steps.append("\(index)") }
        }
        var text = "#"
        for step in steps.reversed() {
            text += "/"
            for byte in step.utf8.prefix(SchemaLimits.pointerBytes) {
                switch byte {
                case UInt8(ascii: "~"): text += "~0"
                case UInt8(ascii: "/"): text += "~1"
                case 0x21...0x7E: text.unicodeScalars.append(Unicode.Scalar(byte))
                default: text += "?"
                }
            }
            if text.utf8.count > SchemaLimits.pointerBytes { return String(text.prefix(SchemaLimits.pointerBytes)) + "…" }
        }
        return text
    }
}
