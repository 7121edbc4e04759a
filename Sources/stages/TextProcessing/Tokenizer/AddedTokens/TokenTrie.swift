/// Byte strings, and the longest of them that begins at a place.
struct TokenTrie: Sendable {
    /// Of the strings that begin with a byte, the node behind it; 0 if there is none.
    private var roots = [UInt32](repeating: 0, count: 256)
    /// Node n has the edges `firstEdge[n]..<firstEdge[n + 1]`, ascending by byte.
    private var firstEdge: [UInt32] = [0]
    private var edges: [(byte: UInt8, node: UInt32)] = []
    /// The string that ends at a node, -1 if none does.
    private var strings: [Int32] = []
    /// With which all strings begin, if it is one byte: in most vocabularies it is `<`.
    private var onlyFirst: UInt8?
    /// No string is longer.
    private(set) var longest = 0

    /// Strings must not be empty. Of equal ones the last counts.
    init(_ all: [[UInt8]]) {
        // By bytes, so that all that go through a node lie together.
        let order = all.indices.sorted { all[$0].lexicographicallyPrecedes(all[$1]) || (all[$0] == all[$1] && $0 < $1) }
        longest = all.reduce(0) { max($0, $1.count) }
        // Level by level: the range of strings that a node stands for, all of whose first `depth` bytes agree.
        var nodes: [(range: Range<Int>, depth: Int)] = [(order.indices, 0)]
        var done = 0
        while done < nodes.count {
            var (range, depth) = nodes[done]
            var ending: Int32 = -1
            while let first = range.first, all[order[first]].count == depth {
                ending = Int32(order[first])
                range = range.dropFirst()
            }
            strings.append(ending)
            while let first = range.first {
                let byte = all[order[first]][depth]
                let end = range.first { all[order[$0]][depth] != byte } ?? range.endIndex
                let node = UInt32(nodes.count)
                edges.append((byte, node))
                if done == 0 { roots[Int(byte)] = node }
                nodes.append((first..<end, depth + 1))
                range = end..<range.endIndex
            }
            firstEdge.append(UInt32(edges.count))
            done += 1
        }
        if firstEdge[1] == 1 { onlyFirst = edges[0].byte }
    }

    var isEmpty: Bool { strings.count <= 1 }

    @inline(__always)
    func begins(with byte: UInt8) -> Bool { roots[Int(byte)] != 0 }

    /// The first place from `start` on at which a string may begin, or `end`.
    func next(in text: UnsafeBufferPointer<UInt8>, from start: Int, to end: Int) -> Int {
        guard start < end, let base = text.baseAddress else { return end }
        if let onlyFirst { return ByteSearch.first(onlyFirst, in: base, from: start, to: end) }
        return roots.withUnsafeBufferPointer { roots in
            var place = start
            while place < end, roots[Int(text[place])] == 0 { place += 1 }
            return place
        }
    }

    /// The longest string that `text` begins with, and its length.
    func longest(in text: UnsafeBufferPointer<UInt8>) -> (string: Int, length: Int)? {
        guard let first = text.first else { return nil }
        var node = roots[Int(first)]
        var length = 1
        var found: (Int, Int)?
        while node != 0 {
            if strings[Int(node)] >= 0 { found = (Int(strings[Int(node)]), length) }
            guard length < text.count else { break }
            node = child(of: node, text[length])
            length += 1
        }
        return found
    }

    /// Calls `body` with every string that `text` begins with.
    func strings(in text: UnsafeBufferPointer<UInt8>, _ body: (Int) -> Void) {
        var node = text.first.map { roots[Int($0)] } ?? 0
        var length = 1
        while node != 0 {
            if strings[Int(node)] >= 0 { body(Int(strings[Int(node)])) }
            guard length < text.count else { break }
            node = child(of: node, text[length])
            length += 1
        }
    }

    private func child(of node: UInt32, _ byte: UInt8) -> UInt32 {
        for edge in edges[Int(firstEdge[Int(node)])..<Int(firstEdge[Int(node) + 1])] where edge.byte == byte { return edge.node }
        return 0
    }
}
