import ClusterModel

/// The last values of a kind by their requests: when it is full, the oldest goes.
struct RequestRing<Value> {
    private let most: Int
    private var line: [(id: RequestID, value: Value)] = []
    private var places: [RequestID: Int] = [:]
    private var next = 0

    init(most: Int) { self.most = most }

    var count: Int { line.count }

    subscript(id: RequestID) -> Value? { places[id].map { line[$0].value } }

    /// What is told of a request again replaces what was told first.
    mutating func put(_ value: Value, of id: RequestID) {
        if let known = places[id] {
            line[known].value = value
            return
        }
        if line.count < most {
            places[id] = line.count
            line.append((id, value))
            return
        }
        places[line[next].id] = nil
        line[next] = (id, value)
        places[id] = next
        next = (next + 1) % most
    }

    /// Newest first.
    var newestFirst: some Sequence<(id: RequestID, value: Value)> {
        (0..<line.count).lazy.map { line[(next + line.count - 1 - $0) % line.count] }
    }
}
