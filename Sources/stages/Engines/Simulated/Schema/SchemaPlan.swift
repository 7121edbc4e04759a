import ClusterModel
import JSONText

/// A schema that was understood, and from which a value was made: others follow by draw.
struct SchemaPlan {
    private let nodes: [SchemaNode]
    private let heights: [Int]
    private let tree: SchemaTree
    /// Of a value that satisfies the schema: said where none of those that are drawn does.
    private var proof: [UInt8] = []

    /// Values that are drawn before the proof does, and before there is no proof.
    private static let draws = 3
    private static let proofs = 24

    init(parsing source: [UInt8]) throws(ConstraintProblem) {
        let document: JSONValue
        do throws(JSONError) { document = try JSONValue(parsing: source, limits: SchemaLimits.json) } catch {
            throw ConstraintProblem("the schema is no JSON that can be used: \(error.reason)")
        }
        var compiler = SchemaCompiler(SchemaTree(document))
        tree = try compiler.compile()
        nodes = compiler.nodes
        let shape = SchemaShape(nodes)
        if let problem = shape.problem { throw problem }
        heights = shape.heights
        do throws(ConstraintProblem) { proof = try made(.sparse, SeededRandom(seed: 0)) } catch {
            // Some keywords only choose among what others make.
            var random = SeededRandom(seed: 1)
            for number in 0..<Self.proofs {
                guard let text = try? made(number % 2 == 0 ? .bold : .usual, random.split()) else { continue }
                proof = text
                return
            }
            throw error
        }
    }

    /// A value as compact JSON, its members in the order of the schema's.
    func text(_ random: SeededRandom) -> [UInt8] {
        var random = random
        for _ in 0..<Self.draws { if let text = try? made(.usual, random.split()) { return text } }
        return proof
    }

    private func made(_ style: SchemaMaker.Style, _ random: SeededRandom) throws(ConstraintProblem) -> [UInt8] {
        var maker = SchemaMaker(nodes, heights, random, style)
        let value: JSONValue
        do throws(SchemaShortfall) { value = try maker.make() } catch { throw ConstraintProblem(error.reason) }
        var validator = SchemaValidator(tree)
        let verdict = validator.verdict(value, SchemaTree.root)
        guard case .valid = verdict else { throw validator.tree.problem(verdict) }
        let text = value.encoded()
        guard text.count <= SchemaLimits.madeBytes else { throw ConstraintProblem(SchemaShortfall.size.reason) }
        return text
    }
}

/// Which nodes can be made at all, and how deep what they make is at the least.
struct SchemaShape {
    private let nodes: [SchemaNode]
    /// Objects and arrays inside each other; `endless`: it cannot be made.
    private(set) var heights: [Int]
    private var isRefused: [Bool]
    static let endless = Int.max / 2

    init(_ nodes: [SchemaNode]) {
        self.nodes = nodes
        heights = Array(repeating: Self.endless, count: nodes.count)
        isRefused = Array(repeating: false, count: nodes.count)
        while spreadRefusals() {}
        // Each round is right for one more level at the least; what has not been reached then is deeper than it may be.
        for _ in 0..<SchemaLimits.rounds where !spreadHeights() { break }
    }

    private mutating func spreadRefusals() -> Bool {
        var hasChanged = false
        // Backwards: most nodes lead to later ones.
        for index in nodes.indices.reversed() where !isRefused[index] {
            let isNow =
                switch nodes[index] {
                case .refused: true
                case .first(let others), .any(let others): others.allSatisfy { isRefused[$0] }
                case .array(let array): array.first.contains { isRefused[$0] } || isRefused[array.other]
                case .object(let object): object.members.contains { isRefused[$0.node] }
                default: false
                }
            if isNow {
                isRefused[index] = true
                hasChanged = true
            }
        }
        return hasChanged
    }

    private mutating func spreadHeights() -> Bool {
        var hasChanged = false
        for index in nodes.indices.reversed() where !isRefused[index] {
            let height = height(index)
            if height < heights[index] {
                heights[index] = height
                hasChanged = true
            }
        }
        return hasChanged
    }

    private func height(_ index: Int) -> Int {
        switch nodes[index] {
        case .open, .never, .refused: Self.endless
        case .values(let values): values.map(\.height).min() ?? Self.endless
        case .null, .boolean, .number, .text: 0
        case .first(let others), .any(let others): others.map { heights[$0] }.min() ?? Self.endless
        case .array(let array): above(needed(array))
        case .object(let object): above(needed(object))
        }
    }

    private func above(_ inner: [Int]) -> Int { min(Self.endless, 1 + (inner.map { heights[$0] }.max() ?? 0)) }

    private func needed(_ array: SchemaArray) -> [Int] {
        array.first.prefix(array.least) + (array.least > array.first.count ? [array.other] : [])
    }

    private func needed(_ object: SchemaObject) -> [Int] {
        object.members.filter(\.isRequired).map(\.node) + (object.least > object.members.count ? [object.other] : [])
    }

    /// Why the first node cannot be made.
    var problem: ConstraintProblem? {
        if isRefused[0] { return reason { isRefused[$0] } ?? ConstraintProblem("the schema is not understood") }
        guard heights[0] > SchemaLimits.depth else { return nil }
        return reason { heights[$0] >= Self.endless } ?? ConstraintProblem("all values are deeper than \(SchemaLimits.depth) levels")
    }

    /// What the first node that says one says, on the way from the first through those that are of interest.
    private func reason(_ matters: (Int) -> Bool) -> ConstraintProblem? {
        var queue = [0], seen: Set<Int> = [0], next = 0
        while next < queue.count {
            let index = queue[next]
            next += 1
            switch nodes[index] {
            case .refused(let problem), .never(let problem): return problem
            case .first(let others), .any(let others): queue += others.filter { matters($0) && seen.insert($0).inserted }
            case .array(let array):
                queue += (array.first + [array.other]).filter { matters($0) && seen.insert($0).inserted }
            case .object(let object):
                queue += (object.members.filter { $0.isRequired || isRefused[$0.node] }.map(\.node) + [object.other]).filter {
                    matters($0) && seen.insert($0).inserted
                }
            default: break
            }
        }
        return nil
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
