import WireProtocol

extension FuzzTarget {
    /// The body of a TokenBatch: the cursor of the hot path and the record's layout accept and refuse the same.
    static let tokens = FuzzTarget(name: "tokens", longest: 2048, allocation: 16) { bytes in
        var frames: [TokenFrame] = []
        let byCursor = fault { () throws(WireError) in
            var cursor = try TokenBatchCursor(bytes.bytes)
            while let view = try cursor.next() {
                var frame = TokenFrame()
                frame.counter = view.counter
                frame.firstPosition = view.firstPosition
                frame.choice = view.choice
                frame.attempt = view.attempt
                frame.leg = view.leg
                frame.finish = view.finish
                view.appendTokens(to: &frame.tokens)
                frame.logprobs = view.logprobs()
                frames.append(frame)
            }
        }
        var batch = TokenBatch()
        let byLayout = fault { () throws(WireError) in batch = try Codec.decodeBody(TokenBatch.self, from: bytes.bytes) }
        demand(
            byCursor == byLayout, "the cursor ends with \(String(describing: byCursor)), the layout with \(String(describing: byLayout))")
        guard byLayout == nil else { return }
        // The cursor passes over additions of later minors; the record keeps them.
        for index in batch.frames.indices { batch.frames[index].addition = nil }
        demand(frames == batch.frames, "the cursor and the layout read different frames")
    }

    /// The body of WorkerEvents: likewise.
    static let events = FuzzTarget(name: "events", longest: 2048, allocation: 16) { bytes in
        var events: [WorkerEvent] = []
        let byCursor = fault { () throws(WireError) in
            var cursor = try WorkerEventCursor(bytes.bytes)
            while let view = try cursor.next() {
                switch view {
                case .stored(let rank, let tier, let parent, let hashes):
                    let copied = (0..<hashes.count).map { hashes[$0] }
                    events.append(.blocksStored(BlocksStored(rank: rank, tier: tier, parent: parent, hashes: copied)))
                case .removed(let rank, let tier, let hashes):
                    let copied = (0..<hashes.count).map { hashes[$0] }
                    events.append(.blocksRemoved(BlocksRemoved(rank: rank, tier: tier, hashes: copied)))
                case .other(let event): events.append(event)
                }
            }
        }
        var batch = WorkerEvents()
        let byLayout = fault { () throws(WireError) in batch = try Codec.decodeBody(WorkerEvents.self, from: bytes.bytes) }
        demand(
            byCursor == byLayout, "the cursor ends with \(String(describing: byCursor)), the layout with \(String(describing: byLayout))")
        demand(byLayout != nil || events == batch.events, "the cursor and the layout read different events")
    }

    private static func fault(_ body: () throws(WireError) -> Void) -> WireError? {
        do throws(WireError) {
            try body()
            return nil
        } catch {
            return error
        }
    }
}
