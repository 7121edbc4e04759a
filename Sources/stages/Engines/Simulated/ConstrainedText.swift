package import ClusterModel
import JSONText

/// How the simulated engine reads constraints, wherever it runs.
struct MockConstraints: ConstraintReader {
    func read(_ constraint: EngineConstraint) throws(ConstraintProblem) -> any ReadConstraint { try ConstrainedText(constraint) }
}

/// What a simulated engine writes where the form of its output is given: a text that has that form, drawn by prompt and seed.
package struct ConstrainedText: ReadConstraint {
    private enum Form {
        case choice([String])
        case schema(SchemaPlan)
    }

    private let form: Form

    /// Texts of one `choice`.
    private static let choices = 4_096

    /// What is written where nothing but an object is wanted.
    private static let object = """
        {"type": "object", "properties": {"title": {"type": "string"}, "count": {"type": "integer", "minimum": 0, "maximum": 100},
        "done": {"type": "boolean"}, "notes": {"type": "array", "items": {"type": "string"}}}, "required": ["title", "count"]}
        """

    package init(_ constraint: EngineConstraint) throws(ConstraintProblem) {
        switch constraint {
        case .jsonObject: form = .schema(try SchemaPlan(parsing: Array(Self.object.utf8)))
        case .jsonSchema(let source): form = .schema(try SchemaPlan(parsing: source))
        case .choice(let source): form = .choice(try Self.choices(source))
        case .regex: throw ConstraintProblem("the simulated engine keeps no regular expression")
        case .grammar: throw ConstraintProblem("the simulated engine keeps no grammar")
        }
    }

    package func text(_ random: SeededRandom) -> [UInt8] {
        switch form {
        case .schema(let plan): return plan.text(random)
        case .choice(let texts):
            var random = random
            return Array(texts[Int(random.next() % UInt64(texts.count))].utf8)
        }
    }

    private static func choices(_ source: [UInt8]) throws(ConstraintProblem) -> [String] {
        let document: JSONValue
        do throws(JSONError) { document = try JSONValue(parsing: source, limits: SchemaLimits.json) } catch {
            throw ConstraintProblem("the choices are no JSON that can be used: \(error.reason)")
        }
        let texts = (document.asArray ?? []).compactMap(\.asString)
        guard !texts.isEmpty, texts.count == document.asArray?.count else { throw ConstraintProblem("choices are a list of texts") }
        guard texts.count <= choices else { throw ConstraintProblem("there are more than \(choices) choices") }
        guard texts.allSatisfy({ $0.utf8.count <= SchemaLimits.madeBytes }) else {
            throw ConstraintProblem("a choice is longer than \(SchemaLimits.madeBytes) bytes")
        }
        return texts
    }
}
