internal import CNng

/// A feed over TLS, to ask nng who was kept from it: a subscriber that is refused may hear it, but whoever publishes finds it in nng's statistics alone.
package struct EncryptedFeed: Hashable, Sendable {
    package let address: Address
    private let listener: UInt32

    init(_ address: Address, _ listener: nng_listener) {
        self.address = address
        self.listener = listener.id
    }

    /// How many connections of each ended before they were subscribers: no certificate of ours, no TLS, another protocol, or silence. Waits for locks
    /// of nng, so no loop's thread may ask. None: nng has no memory to say it.
    package static func refusals(of feeds: [EncryptedFeed]) -> [UInt64]? {
        var all: OpaquePointer?
        guard nng_stats_get(&all) == 0, let all else { return nil }
        defer { nng_stats_free(all) }
        return feeds.map { feed in
            guard let own = nng_stat_find_listener(all, nng_listener(id: feed.listener)) else { return 0 }
            return causes.reduce(0) { $0 + (nng_stat_find(own, $1).map(nng_stat_value) ?? 0) }
        }
    }

    private static let causes = ["auth", "timeout", "proto", "other"]
}
