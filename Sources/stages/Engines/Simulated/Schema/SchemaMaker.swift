import ClusterModel
import JSONText

/// Why no value was made.
enum SchemaShortfall: Error {
    case size, depth, variety, steps

    var reason: String {
        switch self {
        case .size: "all values are longer than \(SchemaLimits.madeBytes) bytes"
        case .depth: "all values are deeper than \(SchemaLimits.depth) levels"
        case .steps: ConstraintProblem.tooManySteps.reason
        case .variety: "there are too few different values for uniqueItems"
        }
    }
}

/// Makes one value from nodes, by draw.
struct SchemaMaker {
    enum Style {
        /// Nothing that could be left out.
        case sparse
        case usual
        /// As usual, and any alternative instead of the first.
        case bold
    }

    private let nodes: [SchemaNode]
    private let heights: [Int]
    private let tree: SchemaTree
    private var random: SeededRandom
    private let style: Style
    private var bytes = 0
    /// Whose value is being made: what is optional in it does not begin another of them.
    private var open: [Int] = []

    init(_ nodes: [SchemaNode], _ heights: [Int], _ tree: SchemaTree, _ random: SeededRandom, _ style: Style) {
        self.nodes = nodes
        self.heights = heights
        self.tree = tree
        self.random = random
        self.style = style
    }

    /// Of the first node.
    mutating func make() throws(SchemaShortfall) -> JSONValue { try make(0, room: SchemaLimits.depth) }

    private var isSparse: Bool { style == .sparse }
    private var isTerse: Bool { isSparse || bytes > SchemaLimits.generousBytes }

    private mutating func add(_ count: Int) throws(SchemaShortfall) {
        guard count <= SchemaLimits.madeBytes - bytes else { throw .size }
        bytes += count
        guard tree.spend(bytes: count) else { throw .steps }
    }

    /// Recurses once a level.
    private mutating func make(_ start: Int, room: Int) throws(SchemaShortfall) -> JSONValue {
        let began = open.count
        defer { open.removeSubrange(began...) }
        var index = start
        while true {
            // Alternatives lead to other nodes than themselves, but for ones that say nothing else.
            guard open.count - began <= SchemaLimits.placesOfNode else { throw .depth }
            open.append(index)
            guard tree.spend(cost(of: nodes[index])) else { throw .steps }
            switch nodes[index] {
            case .open, .never, .refused: throw .depth
            case .first(let others): index = try style == .bold ? any(of: others, room) : first(of: others, room)
            case .any(let others): index = try any(of: others, room)
            case .values(let values, _):
                let value = isSparse ? values[0] : values[draw(values.count)]
                try add(value.encoded().count)
                return value
            case .null:
                try add(5)
                return .null
            case .boolean:
                try add(6)
                return .bool(isSparse || draw(2) == 0)
            case .number(let numbers):
                let place = isSparse ? 0 : Int128(random.next() >> 1) % numbers.count
                guard let number = numbers.number(place) else { throw .variety }
                try add(number.text.utf8.count + 1)
                return .number(number)
            case .text(let texts):
                try add(texts.least)
                let text = texts.text(&random, isSparse: isTerse)
                try add(text.utf8.count + 3 - texts.least)
                return .string(text)
            case .array(let array):
                guard room > 0 else { throw .depth }
                return try self.array(array, room: room - 1)
            case .object(let object):
                guard room > 0 else { throw .depth }
                return try self.object(object, room: room - 1)
            }
        }
    }

    /// Of a look at all that it leads to, each of which is looked for among the open ones.
    private func cost(of node: SchemaNode) -> Int {
        let looks =
            switch node {
            case .first(let others), .any(let others): others.count
            case .array(let array): array.first.count
            case .object(let object): object.members.count
            default: 0
            }
        return 1 + looks * (1 + open.count / Self.openOfStep)
    }

    /// Of the open ones, looked through in one step.
    private static let openOfStep = 64

    private mutating func draw(_ count: Int) -> Int { count > 1 ? Int(random.next() % UInt64(count)) : 0 }

    private func first(of others: [Int], _ room: Int) throws(SchemaShortfall) -> Int {
        if let fit = others.first(where: { heights[$0] <= room && !open.contains($0) }) { return fit }
        return try lowest(of: others, room)
    }

    private mutating func any(of others: [Int], _ room: Int) throws(SchemaShortfall) -> Int {
        let fit = others.filter { heights[$0] <= room && !open.contains($0) }
        return isTerse || fit.isEmpty ? try lowest(of: others, room) : fit[draw(fit.count)]
    }

    private func lowest(of others: [Int], _ room: Int) throws(SchemaShortfall) -> Int {
        guard let lowest = others.min(by: { heights[$0] < heights[$1] }), heights[lowest] <= room else { throw .depth }
        return lowest
    }

    private func isWelcome(_ node: Int, _ room: Int) -> Bool { heights[node] <= room && !open.contains(node) }

    // MARK: Arrays

    private mutating func array(_ array: SchemaArray, room: Int) throws(SchemaShortfall) -> JSONValue {
        try add(3)
        var values: [JSONValue] = []
        let wanted = count(of: array, room)
        while values.count < wanted {
            let node = values.count < array.first.count ? array.first[values.count] : array.other
            guard let value = try element(node, room, unlike: array.isUnique ? values : []) else {
                guard values.count >= array.least else { throw .variety }
                break
            }
            values.append(value)
        }
        return .array(values)
    }

    /// A tuple whole, and some of what is a list.
    private mutating func count(of array: SchemaArray, _ room: Int) -> Int {
        if isTerse { return array.least }
        let first = array.first.prefix { isWelcome($0, room) }.count
        guard array.first.isEmpty, isWelcome(array.other, room) else { return max(array.least, min(first, array.most)) }
        return min(array.most, max(1, array.least) + draw(SchemaLimits.plentyOfElements))
    }

    /// Nil if all that was tried is there already.
    private mutating func element(_ node: Int, _ room: Int, unlike others: [JSONValue]) throws(SchemaShortfall) -> JSONValue? {
        if others.isEmpty { return try make(node, room: room) }
        for _ in 0..<SchemaLimits.tries {
            var other = SchemaMaker(nodes, heights, tree, random.split(), style == .sparse ? .usual : style)
            other.bytes = bytes
            other.open = open
            let value = try other.make(node, room: room)
            let isThere = others.contains { tree.areSame($0, value) }
            guard !tree.isSpent else { throw .steps }
            if !isThere {
                bytes = other.bytes
                return value
            }
        }
        return nil
    }

    // MARK: Objects

    private mutating func object(_ object: SchemaObject, room: Int) throws(SchemaShortfall) -> JSONValue {
        try add(3)
        var made = JSONObject(), missing = object.members.count { $0.isRequired }
        /// That have to come beside the required ones.
        var optional = max(0, object.least - missing), spare = object.most - missing
        for member in object.members {
            if member.isRequired {
                missing -= 1
            } else {
                guard spare > 0, heights[member.node] <= room else { continue }
                let isWanted = !isTerse && draw(Self.parts) > 0 && isWelcome(member.node, room)
                guard optional > 0 || isWanted else { continue }
                optional -= 1
                spare -= 1
            }
            try add(member.name.utf8.count + 4)
            made[member.name] = try make(member.node, room: room)
        }
        guard made.count < object.least else { return .object(made) }
        let known = Set(object.members.map { Array($0.name.utf8) })
        var number = 1
        while made.count < object.least {
            let name = "member\(number)"
            number += 1
            guard !known.contains(Array(name.utf8)) else { continue }
            try add(name.utf8.count + 4)
            made[name] = try make(object.other, room: room)
        }
        return .object(made)
    }

    /// One of so many optional members is left out.
    private static let parts = 3
}
