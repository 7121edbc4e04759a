import EventLoop

/// Exchanges that are over. The next requests are read into their memory, so that a server at work allocates nothing for a request but what its
/// handler takes away.
@LoopActor
struct SpareExchanges {
    private var exchanges: [HTTPExchange] = []

    /// As many as end in one turn of a busy server; more are freed, which costs little.
    private static let most = 64
    /// Room for a usual head and a small body. Larger ones were of one large request, whose memory goes back: the next one may live long.
    private static let mostBytes = 4 << 10

    /// By all of them.
    var keptBytes: Int { exchanges.reduce(0) { $0 + $1.keptBytes } }

    mutating func give(_ exchange: consuming HTTPExchange) {
        guard exchanges.count < Self.most, exchange.keptBytes <= Self.mostBytes else { return }
        exchanges.append(exchange)
    }

    /// One that nobody else holds any more.
    mutating func take() -> HTTPExchange? {
        guard var exchange = exchanges.popLast(), isKnownUniquelyReferenced(&exchange) else { return nil }
        return exchange
    }
}
