import JSONText

/// What kinds of values JSON has; whole numbers are a kind of their own in schemas.
enum SchemaKind: String, Hashable, CaseIterable {
    case object, array, string, number, integer, boolean, null
}

/// A schema that a value is to satisfy, less what of it was seen to elsewhere.
struct SchemaDemand: Hashable {
    let place: Int
    /// One of its alternatives is among the other demands.
    var hasAnyOf = false
    var hasOneOf = false
}

/// What several schemas together say of one value.
struct SchemaFacts {
    /// In the order in which they were written first; nil: any.
    var kinds: [SchemaKind]?
    /// Places of `enum`, and of `const`.
    var enums: [Int] = []
    var constants: [Int] = []
    /// The first place with alternatives that nobody chose among.
    var alternatives: (demand: SchemaDemand, keyword: String, places: [Int])?
    /// By name, in order, the places that each is to satisfy.
    var members: [(name: String, places: [Int])] = []
    var required: [String] = []
    /// For what is no member by name: one of each schema that says so.
    var additional: [(owner: Int, place: Int)] = []
    var leastMembers = 0
    var mostMembers = Int.max
    /// Of each schema that has them: those of the first elements, and that of the others.
    var elements: [(first: [Int], others: Int?)] = []
    var leastElements = 0
    var mostElements = Int.max
    var isUnique = false
    var leastLength = 0
    var mostLength = Int.max
    var format: String?
    var pattern: SchemaPattern?
    var minimum: (value: SchemaDecimal, isOpen: Bool)?
    var maximum: (value: SchemaDecimal, isOpen: Bool)?
    var multiples: [SchemaDecimal] = []
    /// Where each name of `members` stands.
    private var places: [[UInt8]: Int] = [:]
    /// Of each schema, the names it gives a schema of their own.
    private(set) var named: [Int: Set<[UInt8]>] = [:]

    mutating func narrow(_ others: [SchemaKind]) {
        guard let kinds else { return self.kinds = others }
        self.kinds = kinds.compactMap { kind in
            if others.contains(kind) { return kind }
            if kind == .integer, others.contains(.number) { return .integer }
            return kind == .number && others.contains(.integer) ? .integer : nil
        }
    }

    mutating func add(member name: String, _ place: Int, of owner: Int) {
        let bytes = Array(name.utf8)
        named[owner, default: []].insert(bytes)
        if let known = places[bytes] {
            members[known].places.append(place)
        } else {
            places[bytes] = members.count
            members.append((name, [place]))
        }
    }

    /// Adds those that are required and that no schema describes, and what schemas say of names that they do not know.
    mutating func completeMembers(_ tree: SchemaTree) throws(SchemaStop) {
        for name in required where places[Array(name.utf8)] == nil {
            places[Array(name.utf8)] = members.count
            members.append((name, []))
        }
        guard !additional.isEmpty else { return }
        for index in members.indices {
            let name = Array(members[index].name.utf8)
            guard tree.spend(additional.count * (1 + name.count / SchemaLimits.bytesOfStep)) else { throw .tooMuch(.tooManySteps) }
            for (owner, place) in additional where !(named[owner]?.contains(name) ?? false) { members[index].places.append(place) }
        }
    }

    mutating func raise(_ value: SchemaDecimal, isOpen: Bool) {
        if let known = minimum, value < known.value || (value == known.value && known.isOpen) { return }
        minimum = (value, isOpen)
    }

    mutating func lower(_ value: SchemaDecimal, isOpen: Bool) {
        if let known = maximum, known.value < value || (value == known.value && known.isOpen) { return }
        maximum = (value, isOpen)
    }

    /// What a value without a stated kind most likely is.
    var likelyKind: SchemaKind {
        if !members.isEmpty || leastMembers > 0 || !additional.isEmpty { return .object }
        if !elements.isEmpty || leastElements > 0 || isUnique { return .array }
        if minimum != nil || maximum != nil || !multiples.isEmpty { return .number }
        return .string
    }
}
