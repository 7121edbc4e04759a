import ClusterModel
import JSONText

/// A schema that was understood, and from which a value was made: others follow by draw.
struct SchemaPlan: Sendable {
    private let document: JSONValue
    private let nodes: [SchemaNode]
    private let heights: [Int]
    /// Of a value that satisfies the schema: said where none of those that are drawn does.
    private var proof: [UInt8] = []

    /// Values that are drawn before the proof does, and before there is no proof.
    private static let draws = 3
    private static let proofs = 24

    init(parsing source: [UInt8]) throws(ConstraintProblem) {
        do throws(JSONError) { document = try JSONValue(parsing: source, limits: SchemaLimits.json) } catch {
            throw ConstraintProblem("the schema is no JSON that can be used: \(error.reason)")
        }
        let tree = SchemaTree(document)
        var compiler = SchemaCompiler(tree)
        try compiler.compile()
        nodes = compiler.nodes
        let shape = SchemaShape(nodes)
        if let problem = shape.problem { throw problem }
        heights = shape.heights
        do throws(ConstraintProblem) { proof = try made(.sparse, SeededRandom(seed: 0), tree) } catch {
            // Some keywords only choose among what others make.
            var random = SeededRandom(seed: 1)
            for number in 0..<Self.proofs {
                guard let text = try? made(number % 2 == 0 ? .bold : .usual, random.split(), tree) else { continue }
                proof = text
                return
            }
            throw error
        }
    }

    /// A value as compact JSON, its members in the order of the schema's.
    func text(_ random: SeededRandom) -> [UInt8] {
        // The same steps for each value, so that none depends on what was made before.
        let tree = SchemaTree(document)
        var random = random
        for _ in 0..<Self.draws { if let text = try? made(.usual, random.split(), tree) { return text } }
        return proof
    }

    private func made(_ style: SchemaMaker.Style, _ random: SeededRandom, _ tree: SchemaTree) throws(ConstraintProblem) -> [UInt8] {
        var maker = SchemaMaker(nodes, heights, tree, random, style)
        let value: JSONValue
        do throws(SchemaShortfall) { value = try maker.make() } catch { throw ConstraintProblem(error.reason) }
        var validator = SchemaValidator(tree)
        let verdict = validator.verdict(value, SchemaTree.root)
        guard case .valid = verdict else { throw tree.problem(verdict) }
        let text = value.encoded()
        guard text.count <= SchemaLimits.madeBytes else { throw ConstraintProblem(SchemaShortfall.size.reason) }
        return text
    }
}

extension JSONValue {
    /// Objects and arrays inside each other.
    var height: Int {
        switch self {
        case .array(let elements): 1 + (elements.map(\.height).max() ?? 0)
        case .object(let object): 1 + (object.members.map(\.value.height).max() ?? 0)
        default: 0
        }
    }
}
