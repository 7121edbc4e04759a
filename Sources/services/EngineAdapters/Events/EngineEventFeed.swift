package import ClusterModel

/// Where the events of one data-parallel rank can be had.
package struct EngineEventFeed: Hashable, Sendable {
    package var rank: Rank
    package var events: ZMTPEndpoint
    /// Where past batches can be asked for; without it each gap costs all that was known.
    package var replay: ZMTPEndpoint?
    /// Exactly as the engine is configured; empty: whatever it publishes.
    package var topic: String
    /// Where the engine tells its load, if it does.
    package var load: ZMTPEndpoint?
    package var loadTopic: String

    package init(
        rank: Rank, events: ZMTPEndpoint, replay: ZMTPEndpoint? = nil, topic: String = "", load: ZMTPEndpoint? = nil,
        loadTopic: String = "load"
    ) {
        self.rank = rank
        self.events = events
        self.replay = replay
        self.topic = topic
        self.load = load
        self.loadTopic = loadTopic
    }

    /// The feeds of so many ranks, each on the port behind that of the one before it. Nil where ports run out.
    package static func ranks(_ count: UInt32, from first: EngineEventFeed) -> [EngineEventFeed]? {
        var feeds: [EngineEventFeed] = []
        for number in 0..<count {
            guard let events = first.events.forRank(number) else { return nil }
            var feed = first
            feed.rank = Rank(first.rank.rawValue + number)
            feed.events = events
            if let replay = first.replay {
                guard let own = replay.forRank(number) else { return nil }
                feed.replay = own
            }
            if let load = first.load {
                guard let own = load.forRank(number) else { return nil }
                feed.load = own
            }
            feeds.append(feed)
        }
        return feeds
    }
}
