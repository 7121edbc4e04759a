import JSONText

/// Collects what a set of schemas says of one value, those among it that references and `allOf` add.
struct SchemaReader {
    private let tree: SchemaTree
    /// A schema that nothing satisfies.
    private(set) var impossible: Int?
    private var demands: [SchemaDemand] = []
    private var facts = SchemaFacts()

    init(_ tree: SchemaTree) { self.tree = tree }

    mutating func read(_ wanted: [SchemaDemand]) throws(SchemaStop) -> (demands: [SchemaDemand], facts: SchemaFacts) {
        for demand in wanted { try add(demand) }
        var next = 0
        while next < demands.count {
            let place = demands[next].place
            switch tree[place] {
            case .bool(let isAnything): if !isAnything { impossible = impossible ?? place }
            case .object(let object): try read(object, demands[next])
            default: throw .refused(ConstraintProblem("a schema is an object or a truth value", at: tree.pointer(place)))
            }
            next += 1
        }
        return (demands, facts)
    }

    private mutating func add(_ demand: SchemaDemand) throws(SchemaStop) {
        if let known = demands.firstIndex(where: { $0.place == demand.place }) {
            if demand.hasAnyOf { demands[known].hasAnyOf = true }
            if demand.hasOneOf { demands[known].hasOneOf = true }
            return
        }
        guard demands.count < SchemaLimits.placesOfNode else {
            throw .tooMuch(
                ConstraintProblem("more than \(SchemaLimits.placesOfNode) schemas for one value", at: tree.pointer(demand.place)))
        }
        demands.append(demand)
    }

    private mutating func read(_ object: JSONObject, _ demand: SchemaDemand) throws(SchemaStop) {
        let place = demand.place
        var own = Own()
        for (index, member) in object.members.enumerated() {
            guard tree.spend() else { throw .tooMuch(.tooManySteps) }
            let name = member.name, value = member.value
            switch name {
            case "$ref":
                guard let target = tree.reference(of: place) else { throw wrong("$ref names nothing in the schema", place, name) }
                try add(SchemaDemand(place: target))
            case "allOf":
                for element in try elements(place, index, name) { try add(SchemaDemand(place: element)) }
            case "anyOf", "oneOf":
                guard !(name == "anyOf" ? demand.hasAnyOf : demand.hasOneOf), facts.alternatives == nil else { continue }
                facts.alternatives = (demand, name, try elements(place, index, name))
            case "type": facts.narrow(try kinds(value, place))
            case "enum":
                guard value.asArray != nil else { throw wrong("enum is a list", place, name) }
                facts.enums.append(tree.step(place, index))
            case "const": facts.constants.append(tree.step(place, index))
            case "properties": try members(place, index)
            case "required": facts.required += try texts(value, place, name)
            case "additionalProperties": facts.additional.append((place, tree.step(place, index)))
            case "patternProperties":
                guard value.asObject?.isEmpty ?? false else { throw unknown(name, place) }
            case "minProperties": facts.leastMembers = max(facts.leastMembers, try count(value, place, name))
            case "maxProperties": facts.mostMembers = min(facts.mostMembers, try count(value, place, name))
            case "minItems": facts.leastElements = max(facts.leastElements, try count(value, place, name))
            case "maxItems": facts.mostElements = min(facts.mostElements, try count(value, place, name))
            case "uniqueItems": if value.asBool ?? false { facts.isUnique = true }
            case "prefixItems": own.first = try elements(place, index, name)
            // A list of them is what older drafts call the first ones.
            case "items":
                if value.asArray != nil { own.first = try elements(place, index, name) } else { own.items = tree.step(place, index) }
            case "additionalItems": own.others = tree.step(place, index)
            case "minLength": facts.leastLength = max(facts.leastLength, try count(value, place, name))
            case "maxLength": facts.mostLength = min(facts.mostLength, try count(value, place, name))
            case "format": facts.format = facts.format ?? value.asString
            case "pattern":
                guard facts.pattern == nil, let pattern = tree.pattern(of: place) else { throw unknown(name, place) }
                facts.pattern = pattern
            case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum": own.bounds.append((name, value))
            case "multipleOf":
                guard let decimal = value.asNumber.flatMap({ SchemaDecimal($0) }), decimal.mantissa > 0 else { throw unknown(name, place) }
                facts.multiples.append(decimal)
            case _ where SchemaLimits.unknownKeywords.contains(name): throw unknown(name, place)
            default: break  // said of it, or checked when it is made
            }
        }
        if own.first != nil || own.items != nil { facts.elements.append((own.first ?? [], own.items ?? own.others)) }
        for (name, value) in own.bounds { try bound(name, value, own, place) }
    }

    /// What members of one schema say together.
    private struct Own {
        var first: [Int]?
        var items: Int?
        var others: Int?
        var bounds: [(name: String, value: JSONValue)] = []
    }

    /// In older drafts `exclusiveMinimum` is a truth about `minimum`.
    private mutating func bound(_ name: String, _ value: JSONValue, _ own: Own, _ place: Int) throws(SchemaStop) {
        if value.asBool != nil { return }
        guard let number = value.asNumber else { throw wrong("\(name) is a number", place, name) }
        let isLower = name == "minimum" || name == "exclusiveMinimum"
        let twin = isLower ? "exclusiveMinimum" : "exclusiveMaximum"
        let isOpen = name == twin || own.bounds.contains { $0.name == twin && $0.value.asBool == true }
        guard let decimal = SchemaDecimal(number) else {
            // So far away that it bounds nothing that is made.
            if let far = number.asDouble, isLower ? far < -Self.far : far > Self.far { return }
            throw unknown(name, place)
        }
        if isLower { facts.raise(decimal, isOpen: isOpen) } else { facts.lower(decimal, isOpen: isOpen) }
    }

    private static let far = 1e15

    private func elements(_ place: Int, _ index: Int, _ keyword: String) throws(SchemaStop) -> [Int] {
        let list = tree.step(place, index)
        guard tree[list].asArray != nil else { throw wrong("\(keyword) is a list", place, keyword) }
        let elements = tree.elements(of: list)
        guard !tree.isSpent else { throw .tooMuch(.tooManySteps) }
        return elements
    }

    private mutating func members(_ place: Int, _ index: Int) throws(SchemaStop) {
        let list = tree.step(place, index)
        guard let object = tree[list].asObject else { throw wrong("properties is an object", place, "properties") }
        for (index, member) in object.members.enumerated() {
            guard tree.spend(on: member.name) else { throw .tooMuch(.tooManySteps) }
            facts.add(member: member.name, tree.step(list, index), of: place)
        }
    }

    private func kinds(_ value: JSONValue, _ place: Int) throws(SchemaStop) -> [SchemaKind] {
        var kinds: [SchemaKind] = []
        for name in value.asArray ?? [value] {
            guard let kind = name.asString.flatMap(SchemaKind.init), tree.spend() else {
                throw tree.isSpent ? .tooMuch(.tooManySteps) : wrong("type is the name of one, or a list of names", place, "type")
            }
            if !kinds.contains(kind) { kinds.append(kind) }
        }
        return kinds
    }

    private func texts(_ value: JSONValue, _ place: Int, _ keyword: String) throws(SchemaStop) -> [String] {
        let texts = (value.asArray ?? []).compactMap(\.asString)
        guard texts.count == value.asArray?.count else { throw wrong("\(keyword) is a list of names", place, keyword) }
        for text in texts { guard tree.spend(on: text) else { throw .tooMuch(.tooManySteps) } }
        return texts
    }

    /// Counts beyond what can be made are all the same.
    private func count(_ value: JSONValue, _ place: Int, _ keyword: String) throws(SchemaStop) -> Int {
        guard let count = value.asInt, count >= 0 else { throw wrong("\(keyword) is a count", place, keyword) }
        return min(count, SchemaLimits.madeBytes + 1)
    }

    private func unknown(_ keyword: String, _ place: Int) -> SchemaStop {
        wrong("the simulated engine cannot keep this \(keyword)", place, keyword)
    }

    private func wrong(_ reason: String, _ place: Int, _ keyword: String) -> SchemaStop {
        .refused(ConstraintProblem(reason, at: tree.pointer(place, keyword)))
    }

    // MARK: Given values

    /// Those that `const` or `enum` name, as far as they satisfy all that is demanded.
    mutating func values(of facts: SchemaFacts, satisfying demands: [SchemaDemand]) throws(SchemaStop) -> SchemaNode {
        guard let source = facts.constants.first ?? facts.enums.first else { return .open }
        let candidates = facts.constants.isEmpty ? tree.elements(of: source) : [source]
        var values: [JSONValue] = [], height = Int.max, validator = SchemaValidator(tree, takenFrom: source)
        for place in candidates {
            let value = tree[place]
            var verdict = SchemaVerdict.valid
            for demand in demands { verdict = verdict.and(validator.verdict(value, demand.place)) }
            switch verdict {
            case .valid:
                values.append(value)
                height = min(height, tree.height(of: place))
            case .invalid: break
            case .undecided: throw .refused(tree.problem(verdict))
            }
        }
        guard !tree.isSpent else { throw .tooMuch(.tooManySteps) }
        if !values.isEmpty { return .values(values, height: height) }
        return .never(ConstraintProblem("none of the values satisfies the rest", at: tree.pointer(source)))
    }
}
