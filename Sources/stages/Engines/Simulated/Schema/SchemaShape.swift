/// Which nodes can be made at all, and how deep what they make is at the least. Each way from a node to another is gone once.
struct SchemaShape {
    private let nodes: [SchemaNode]
    /// Of each node, those that lead to it, as often as they do.
    private let leaders: [[Int]]
    /// Objects and arrays inside each other; `endless`: it cannot be made.
    private(set) var heights: [Int]
    private var isRefused: [Bool]
    static let endless = Int.max / 2

    init(_ nodes: [SchemaNode]) {
        self.nodes = nodes
        var leaders = Array(repeating: [Int](), count: nodes.count)
        for index in nodes.indices { for other in nodes[index].others { leaders[other].append(index) } }
        self.leaders = leaders
        heights = Array(repeating: Self.endless, count: nodes.count)
        isRefused = Array(repeating: false, count: nodes.count)
        spreadRefusals()
        spreadHeights()
    }

    private mutating func spreadRefusals() {
        // Of alternatives all have to be refused, of what else leads to nodes one.
        var left = nodes.map { $0.isChoice ? $0.others.count : 1 }
        var queue = nodes.indices.filter { nodes[$0].isRefused }, next = 0
        for index in queue { isRefused[index] = true }
        while next < queue.count {
            for leader in leaders[queue[next]] where !isRefused[leader] {
                left[leader] -= 1
                guard left[leader] == 0 else { continue }
                isRefused[leader] = true
                queue.append(leader)
            }
            next += 1
        }
    }

    /// From the bottom up: whatever is found first is the lowest.
    private mutating func spreadHeights() {
        // Of alternatives one has to be there, of what is made of others all that it needs.
        var left = nodes.map { $0.isChoice ? 1 : $0.needed.count }
        var needers = Array(repeating: [Int](), count: nodes.count)
        for index in nodes.indices { for other in nodes[index].needed { needers[other].append(index) } }
        var levels: [[Int]] = []
        func add(_ index: Int, at height: Int) {
            while levels.count <= height { levels.append([]) }
            levels[height].append(index)
        }
        for index in nodes.indices where !isRefused[index] {
            if let height = nodes[index].ownHeight { add(index, at: height) }
        }
        var height = 0
        while height < levels.count {
            var next = 0
            while next < levels[height].count {
                let index = levels[height][next]
                next += 1
                guard heights[index] == Self.endless else { continue }
                heights[index] = height
                for leader in needers[index] where !isRefused[leader] {
                    left[leader] -= 1
                    if left[leader] == 0 { add(leader, at: nodes[leader].isChoice ? height : height + 1) }
                }
            }
            height += 1
        }
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
            case .object(let object):
                queue += (object.members.filter { $0.isRequired || isRefused[$0.node] }.map(\.node) + [object.other]).filter {
                    matters($0) && seen.insert($0).inserted
                }
            default: queue += nodes[index].others.filter { matters($0) && seen.insert($0).inserted }
            }
        }
        return nil
    }
}

extension SchemaNode {
    fileprivate var isRefused: Bool { if case .refused = self { true } else { false } }

    /// One of those that it leads to is enough.
    fileprivate var isChoice: Bool {
        switch self {
        case .first, .any: true
        default: false
        }
    }

    /// All that it leads to, but for members that nobody names: whatever is wrong with those, they can be left out.
    fileprivate var others: [Int] {
        switch self {
        case .open, .never, .refused, .values, .null, .boolean, .number, .text: []
        case .first(let others), .any(let others): others
        case .array(let array): array.first + [array.other]
        case .object(let object): object.members.map(\.node)
        }
    }

    /// Those without which nothing is made.
    fileprivate var needed: [Int] {
        switch self {
        case .array(let array): array.first.prefix(array.least) + (array.least > array.first.count ? [array.other] : [])
        case .object(let object):
            object.members.filter(\.isRequired).map(\.node) + (object.least > object.members.count ? [object.other] : [])
        default: others
        }
    }

    /// Where it needs no other.
    fileprivate var ownHeight: Int? {
        switch self {
        case .open, .never, .refused, .first, .any: nil
        case .values(_, let height): height
        case .null, .boolean, .number, .text: 0
        case .array, .object: needed.isEmpty ? 1 : nil
        }
    }
}
