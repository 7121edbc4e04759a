import JSONText

/// Whether a value satisfies a schema; where it does not, the place and the keyword that say so.
enum SchemaVerdict {
    case valid
    case invalid(Int, String)
    /// It cannot be told here.
    case undecided(Int, String)

    func and(_ other: SchemaVerdict) -> SchemaVerdict {
        switch (self, other) {
        case (.invalid, _), (.undecided, .valid), (.undecided, .undecided), (.valid, .valid): self
        default: other
        }
    }
}

extension SchemaTree {
    func problem(_ verdict: SchemaVerdict) -> ConstraintProblem {
        switch verdict {
        case .valid: ConstraintProblem("nothing is wrong")
        case .invalid(let place, let keyword):
            ConstraintProblem("the simulated engine finds no value for this \(keyword)", at: pointer(place, keyword))
        case .undecided where isSpent: .tooManySteps
        case .undecided(let place, let keyword):
            ConstraintProblem("the simulated engine cannot keep this \(keyword)", at: pointer(place, keyword))
        }
    }
}

/// Compares values with schemas, as JSON Schema says; `format` and what it does not know are annotations.
///
/// What is made from a schema is compared with it before anybody sees it: so making may be simple, and knows nothing of some keywords.
struct SchemaValidator {
    private let tree: SchemaTree
    /// Of `enum` or `const`, where the values come from: they are not looked for there.
    private let source: Int?
    private var nesting = 0

    init(_ tree: SchemaTree, takenFrom source: Int? = nil) {
        self.tree = tree
        self.source = source
    }

    /// Once the steps are spent nothing is decided any more: what spends them need not look at it.
    mutating func verdict(_ value: JSONValue, _ place: Int) -> SchemaVerdict {
        guard tree.spend() else { return .undecided(place, "schema") }
        let verdict = decided(value, place)
        return tree.isSpent ? .undecided(place, "schema") : verdict
    }

    private mutating func decided(_ value: JSONValue, _ place: Int) -> SchemaVerdict {
        let schema = tree[place]
        if case .bool(let isAnything) = schema { return isAnything ? .valid : .invalid(place, "false") }
        guard case .object(let object) = schema else { return .undecided(place, "schema") }
        guard nesting < SchemaLimits.nesting else { return .undecided(place, "$ref") }
        nesting += 1
        defer { nesting -= 1 }
        var result = SchemaVerdict.valid
        for (index, member) in object.members.enumerated() {
            guard tree.spend() else { return .undecided(place, "schema") }
            result = result.and(check(value, place, object, index, member.name, member.value))
            if case .invalid = result { return result }
        }
        return result
    }

    private mutating func check(
        _ value: JSONValue, _ place: Int, _ schema: JSONObject, _ index: Int, _ keyword: String, _ said: JSONValue
    ) -> SchemaVerdict {
        let wrong = SchemaVerdict.invalid(place, keyword)
        switch keyword {
        case "$ref":
            guard let target = tree.reference(of: place) else { return .undecided(place, keyword) }
            return verdict(value, target)
        case "allOf":
            var result = SchemaVerdict.valid
            for element in elements(place, index) { result = result.and(verdict(value, element)) }
            return result
        case "anyOf", "oneOf": return alternatives(value, elements(place, index), isOne: keyword == "oneOf", wrong)
        case "not":
            switch verdict(value, tree.step(place, index)) {
            case .valid: return wrong
            case .invalid: return .valid
            case let undecided: return undecided
            }
        case "if": return condition(value, place, schema, index)
        case "type":
            let names = said.asArray ?? [said]
            tree.spend(names.count)
            return names.contains { $0.asString.flatMap(SchemaKind.init)?.holds(value) ?? false } ? .valid : wrong
        case "enum":
            if source == tree.step(place, index) { return .valid }
            return (said.asArray ?? []).contains { tree.areSame($0, value) } ? .valid : wrong
        case "const":
            return source == tree.step(place, index) || tree.areSame(said, value) ? .valid : wrong
        case _ where SchemaLimits.unknownKeywords.contains(keyword): return .undecided(place, keyword)
        default: break
        }
        switch value {
        case .object(let object): return members(object, place, schema, index, keyword, said)
        case .array(let values): return elements(values, place, schema, index, keyword, said)
        case .string(let text): return check(text, place, keyword, said)
        case .number(let number): return satisfies(number, schema, keyword, said) ? .valid : wrong
        case .null, .bool: return .valid
        }
    }

    private func elements(_ place: Int, _ index: Int) -> [Int] { tree.elements(of: tree.step(place, index)) }

    private mutating func alternatives(_ value: JSONValue, _ places: [Int], isOne: Bool, _ wrong: SchemaVerdict) -> SchemaVerdict {
        var valid = 0, undecided: SchemaVerdict?
        for place in places {
            switch verdict(value, place) {
            case .valid: valid += 1
            case .invalid: continue
            case let verdict: undecided = undecided ?? verdict
            }
            if valid > (isOne ? 1 : 0) { return isOne ? wrong : .valid }
        }
        return undecided ?? (valid == 1 ? .valid : wrong)
    }

    private mutating func condition(_ value: JSONValue, _ place: Int, _ schema: JSONObject, _ index: Int) -> SchemaVerdict {
        let branch: String
        switch verdict(value, tree.step(place, index)) {
        case .valid: branch = "then"
        case .invalid: branch = "else"
        case let undecided: return undecided
        }
        guard let index = schema.members.firstIndex(where: { $0.name == branch }) else { return .valid }
        return verdict(value, tree.step(place, index))
    }

    // MARK: Objects

    private mutating func members(
        _ object: JSONObject, _ place: Int, _ schema: JSONObject, _ index: Int, _ keyword: String, _ said: JSONValue
    ) -> SchemaVerdict {
        let wrong = SchemaVerdict.invalid(place, keyword)
        var result = SchemaVerdict.valid
        switch keyword {
        case "required":
            for case .string(let name) in said.asArray ?? [] { if !has(name, object) { return wrong } }
        case "minProperties": if let least = said.asInt, object.count < least { return wrong }
        case "maxProperties": if let most = said.asInt, object.count > most { return wrong }
        case "properties":
            let list = tree.step(place, index)
            for (index, member) in (said.asObject?.members ?? []).enumerated() {
                if has(member.name, object), let value = object[member.name] { result = result.and(verdict(value, tree.step(list, index))) }
            }
        case "patternProperties": if !(said.asObject?.isEmpty ?? false) { return .undecided(place, keyword) }
        case "additionalProperties":
            let named = schema["properties"]?.asObject ?? JSONObject()
            for member in object.members where !has(member.name, named) {
                result = result.and(verdict(member.value, tree.step(place, index)))
            }
        case "propertyNames":
            for member in object.members { result = result.and(verdict(.string(member.name), tree.step(place, index))) }
        case "dependentRequired":
            for member in said.asObject?.members ?? [] where has(member.name, object) {
                for case .string(let name) in member.value.asArray ?? [] { if !has(name, object) { return wrong } }
            }
        default: break
        }
        return result
    }

    /// False, too, when the steps are spent.
    private func has(_ name: String, _ object: JSONObject) -> Bool { tree.spend(on: name) && object[name] != nil }

    // MARK: Arrays

    private mutating func elements(
        _ values: [JSONValue], _ place: Int, _ schema: JSONObject, _ index: Int, _ keyword: String, _ said: JSONValue
    ) -> SchemaVerdict {
        let wrong = SchemaVerdict.invalid(place, keyword)
        var result = SchemaVerdict.valid
        switch keyword {
        case "minItems": if let least = said.asInt, values.count < least { return wrong }
        case "maxItems": if let most = said.asInt, values.count > most { return wrong }
        case "uniqueItems": if said.asBool ?? false { return areUnique(values, place) }
        case "prefixItems", "items":
            guard said.asArray != nil else {
                let first = schema["prefixItems"]?.asArray?.count ?? 0
                for value in values.dropFirst(first) { result = result.and(verdict(value, tree.step(place, index))) }
                return result
            }
            for (value, element) in zip(values, elements(place, index)) { result = result.and(verdict(value, element)) }
        case "additionalItems":
            guard let first = schema["items"]?.asArray else { break }
            for value in values.dropFirst(first.count) { result = result.and(verdict(value, tree.step(place, index))) }
        case "contains":
            var count = 0
            for value in values {
                switch verdict(value, tree.step(place, index)) {
                case .valid: count += 1
                case .invalid: break
                case let undecided: return undecided
                }
            }
            let most = schema["maxContains"]?.asInt ?? .max
            return count >= schema["minContains"]?.asInt ?? 1 && count <= most ? .valid : wrong
        default: break
        }
        return result
    }

    private func areUnique(_ values: [JSONValue], _ place: Int) -> SchemaVerdict {
        for (index, value) in values.enumerated() {
            if values[..<index].contains(where: { tree.areSame($0, value) }) { return .invalid(place, "uniqueItems") }
            if tree.isSpent { break }
        }
        return .valid
    }

    // MARK: Texts and numbers

    private func check(_ text: String, _ place: Int, _ keyword: String, _ said: JSONValue) -> SchemaVerdict {
        let wrong = SchemaVerdict.invalid(place, keyword)
        tree.spend(on: text)
        switch keyword {
        case "minLength": if let least = said.asInt, text.unicodeScalars.count < least { return wrong }
        case "maxLength": if let most = said.asInt, text.unicodeScalars.count > most { return wrong }
        case "pattern":
            guard let pattern = tree.pattern(of: place) else { return .undecided(place, keyword) }
            guard tree.spend(pattern.cost(of: text)) else { return .undecided(place, keyword) }
            return pattern.matches(text) ? .valid : wrong
        default: break
        }
        return .valid
    }

    private func satisfies(_ number: JSONNumber, _ schema: JSONObject, _ keyword: String, _ said: JSONValue) -> Bool {
        guard let other = said.asNumber, tree.spend(bytes: number.text.utf8.count + other.text.utf8.count) else { return true }
        switch keyword {
        case "minimum": return !isLess(number, other) && !(schema["exclusiveMinimum"]?.asBool == true && !isLess(other, number))
        case "maximum": return !isLess(other, number) && !(schema["exclusiveMaximum"]?.asBool == true && !isLess(number, other))
        case "exclusiveMinimum": return isLess(other, number)
        case "exclusiveMaximum": return isLess(number, other)
        case "multipleOf":
            guard let value = SchemaDecimal(number), let step = SchemaDecimal(other) else { return false }
            return value.isMultiple(of: step)
        default: return true
        }
    }

    private func isLess(_ left: JSONNumber, _ right: JSONNumber) -> Bool {
        if let left = SchemaDecimal(left), let right = SchemaDecimal(right) { return left < right }
        return (left.asDouble ?? 0) < (right.asDouble ?? 0)
    }
}

extension SchemaKind {
    func holds(_ value: JSONValue) -> Bool {
        switch (self, value) {
        case (.object, .object), (.array, .array), (.string, .string), (.number, .number), (.boolean, .bool), (.null, .null): true
        case (.integer, .number(let number)): SchemaDecimal(number)?.isWhole ?? false
        default: false
        }
    }
}

extension SchemaTree {
    /// As JSON Schema compares: `1` is `1.0`, and the order of members says nothing. False, too, when the steps are spent.
    func areSame(_ left: JSONValue, _ right: JSONValue) -> Bool {
        guard spend() else { return false }
        switch (left, right) {
        case (.number(let left), .number(let right)):
            spend(bytes: left.text.utf8.count + right.text.utf8.count)
            if let left = SchemaDecimal(left), let right = SchemaDecimal(right) { return left == right }
            return left == right
        case (.string(let left), .string(let right)):
            guard left.utf8.count == right.utf8.count, spend(on: left) else { return false }
            return left.utf8.elementsEqual(right.utf8)
        case (.array(let left), .array(let right)): return left.count == right.count && zip(left, right).allSatisfy { areSame($0, $1) }
        case (.object(let left), .object(let right)):
            return left.count == right.count
                && left.members.allSatisfy { member in
                    guard spend(on: member.name) else { return false }
                    return right[member.name].map { areSame(member.value, $0) } ?? false
                }
        default: return left == right
        }
    }
}
