/// A heap of numbered things of which any can be taken out: where each one stands is kept in a table beside it, that several heaps may share if nothing
/// is in two of them.
struct NumberedHeap<Rank: Comparable & Sendable>: Sendable {
    private struct Node: Sendable {
        let rank: Rank
        let item: Int
    }

    private var nodes: [Node] = []

    var isEmpty: Bool { nodes.isEmpty }
    var first: Int? { nodes.first?.item }
    var firstRank: Rank? { nodes.first?.rank }

    mutating func insert(_ item: Int, _ rank: Rank, _ places: inout [Int]) {
        while places.count <= item { places.append(-1) }
        nodes.append(Node(rank: rank, item: item))
        places[item] = nodes.count - 1
        rise(nodes.count - 1, &places)
    }

    mutating func remove(_ item: Int, _ places: inout [Int]) {
        let place = places[item], last = nodes.count - 1
        precondition(nodes.indices.contains(place) && nodes[place].item == item, "it is not in this heap")
        if place != last { swap(place, last, &places) }
        nodes.removeLast()
        places[item] = -1
        guard place < nodes.count else { return }
        rise(place, &places)
        sink(place, &places)
    }

    func contains(_ item: Int, _ places: [Int]) -> Bool { places.indices.contains(item) && places[item] >= 0 }

    /// Everything that lies before a rank, in no order.
    func forEach(before rank: Rank, _ body: (Int) -> Void) {
        var open = nodes.isEmpty ? [] : [0]
        while let place = open.popLast() {
            // What is below a node lies behind it.
            guard nodes[place].rank < rank else { continue }
            body(nodes[place].item)
            for child in [2 * place + 1, 2 * place + 2] where child < nodes.count { open.append(child) }
        }
    }

    private mutating func rise(_ start: Int, _ places: inout [Int]) {
        var place = start
        while place > 0, nodes[place].rank < nodes[(place - 1) / 2].rank {
            swap(place, (place - 1) / 2, &places)
            place = (place - 1) / 2
        }
    }

    private mutating func sink(_ start: Int, _ places: inout [Int]) {
        var place = start
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2] where child < nodes.count && nodes[child].rank < nodes[least].rank { least = child }
            guard least != place else { return }
            swap(place, least, &places)
            place = least
        }
    }

    private mutating func swap(_ one: Int, _ other: Int, _ places: inout [Int]) {
        nodes.swapAt(one, other)
        places[nodes[one].item] = one
        places[nodes[other].item] = other
    }
}
