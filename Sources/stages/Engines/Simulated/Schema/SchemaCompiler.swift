import JSONText

/// Turns a schema into nodes. One set of schemas that a value is to satisfy is one node, however it is reached: so recursion ends.
struct SchemaCompiler {
    private let tree: SchemaTree
    private(set) var nodes: [SchemaNode] = []
    private var demands: [[SchemaDemand]] = []
    private var known: [[SchemaDemand]: Int] = [:]

    init(_ tree: SchemaTree) { self.tree = tree }

    /// All nodes; the first is that of the whole. Nothing recurses: a chain of references may be as long as the schema.
    mutating func compile() throws(ConstraintProblem) {
        do throws(SchemaStop) {
            _ = try node(places: [SchemaTree.root])
            var next = 0
            while next < nodes.count {
                if case .open = nodes[next] { nodes[next] = try understood(demands[next]) }
                next += 1
            }
        } catch { throw error.problem }
    }

    private mutating func understood(_ wanted: [SchemaDemand]) throws(SchemaStop) -> SchemaNode {
        do throws(SchemaStop) { return try make(wanted) } catch {
            guard case .refused(let problem) = error else { throw error }
            return .refused(problem)
        }
    }

    private mutating func node(_ demands: [SchemaDemand]) throws(SchemaStop) -> Int {
        guard tree.spend(1 + demands.count) else { throw .tooMuch(.tooManySteps) }
        if let node = known[demands] { return node }
        known[demands] = nodes.count
        return try append(.open, demands)
    }

    private mutating func node(places: [Int]) throws(SchemaStop) -> Int {
        try node(places.map { SchemaDemand(place: tree.target(of: $0)) })
    }

    private mutating func append(_ node: SchemaNode, _ wanted: [SchemaDemand] = []) throws(SchemaStop) -> Int {
        guard nodes.count < SchemaLimits.nodes else {
            throw .tooMuch(ConstraintProblem("the schema has more than \(SchemaLimits.nodes) parts"))
        }
        nodes.append(node)
        demands.append(wanted)
        return nodes.count - 1
    }

    private mutating func make(_ wanted: [SchemaDemand]) throws(SchemaStop) -> SchemaNode {
        var reader = SchemaReader(tree)
        var (demands, facts) = try reader.read(wanted)
        if let place = reader.impossible { return .never(ConstraintProblem("no value satisfies false", at: tree.pointer(place))) }
        if !facts.constants.isEmpty || !facts.enums.isEmpty { return try reader.values(of: facts, satisfying: demands) }
        if let (demand, keyword, places) = facts.alternatives, let index = demands.firstIndex(where: { $0.place == demand.place }) {
            if keyword == "anyOf" { demands[index].hasAnyOf = true } else { demands[index].hasOneOf = true }
            var nodes: [Int] = []
            for place in places { nodes.append(try node(demands + [SchemaDemand(place: place)])) }
            guard !nodes.isEmpty else { return .never(ConstraintProblem("\(keyword) is empty", at: tree.pointer(demand.place, keyword))) }
            return .first(nodes)
        }
        try facts.completeMembers(tree)
        let kinds = facts.kinds ?? [facts.likelyKind]
        let place = demands.first?.place ?? SchemaTree.root
        guard kinds.count != 1 else { return try make(kinds[0], facts, place) }
        guard !kinds.isEmpty else { return .never(ConstraintProblem("no type is left", at: tree.pointer(place))) }
        // Each of its kinds is a node of its own, which nothing else leads to.
        var own: [Int] = []
        for kind in kinds { own.append(try append(try make(kind, facts, place))) }
        return .any(own)
    }

    private mutating func make(_ kind: SchemaKind, _ facts: SchemaFacts, _ place: Int) throws(SchemaStop) -> SchemaNode {
        switch kind {
        case .null: return .null
        case .boolean: return .boolean
        case .integer, .number: return try SchemaNumbers.node(facts, isWhole: kind == .integer, tree.pointer(place))
        case .string: return SchemaTexts.node(facts, tree.pointer(place))
        case .array:
            guard facts.leastElements <= facts.mostElements else {
                return .never(ConstraintProblem("minItems is above maxItems", at: tree.pointer(place)))
            }
            var first: [Int] = []
            for index in 0..<(facts.elements.map(\.first.count).max() ?? 0) {
                first.append(
                    try node(places: facts.elements.compactMap { $0.first.indices.contains(index) ? $0.first[index] : $0.others }))
            }
            return .array(
                SchemaArray(
                    first: first, other: try node(places: facts.elements.compactMap(\.others)), least: facts.leastElements,
                    most: facts.mostElements, isUnique: facts.isUnique))
        case .object:
            var members: [SchemaObject.Member] = []
            let wanted = Set(facts.required.map { Array($0.utf8) })
            for (name, places) in facts.members {
                members.append(.init(name: name, node: try node(places: places), isRequired: wanted.contains(Array(name.utf8))))
            }
            guard max(facts.leastMembers, wanted.count) <= facts.mostMembers else {
                return .never(ConstraintProblem("maxProperties is too small", at: tree.pointer(place)))
            }
            return .object(
                SchemaObject(
                    members: members, least: facts.leastMembers, most: facts.mostMembers,
                    other: try node(places: facts.additional.map(\.place))))
        }
    }
}

/// Why a schema is not read any further.
enum SchemaStop: Error {
    /// This part of it; another may do instead.
    case refused(ConstraintProblem)
    /// The whole.
    case tooMuch(ConstraintProblem)

    var problem: ConstraintProblem {
        switch self {
        case .refused(let problem), .tooMuch(let problem): problem
        }
    }
}
