import EventLoop

/// The exchanges of a connection in the order of their requests. Nearly always there is one, which costs no list.
@LoopActor
struct ExchangeQueue {
    private(set) var first: HTTPExchange?
    private var others: [HTTPExchange] = []

    nonisolated init() {}

    var isEmpty: Bool { first == nil }
    var count: Int { first == nil ? 0 : 1 + others.count }
    /// The request that was read last.
    var last: HTTPExchange? { others.last ?? first }

    mutating func append(_ exchange: HTTPExchange) {
        if first == nil { first = exchange } else { others.append(exchange) }
    }

    /// Takes the first out, if it has ended.
    mutating func popEnded() -> HTTPExchange? {
        guard let isOver = first?.hasEnded, isOver else { return nil }
        let ended = first.take()
        if !others.isEmpty { first = others.removeFirst() }
        return ended
    }

    mutating func removeAll() -> [HTTPExchange] {
        guard let first else { return [] }
        let all = [first] + others
        self.first = nil
        others = []
        return all
    }

    func contains(where matches: @LoopActor (HTTPExchange) -> Bool) -> Bool {
        if let first, matches(first) { return true }
        for exchange in others where matches(exchange) { return true }
        return false
    }
}
