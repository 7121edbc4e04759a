import Engines

/// Lanes of a batch: who goes on in which, and how one is put together of blocks that lie elsewhere.
extension BlockMemory {
    /// Gives each part of a batch its lanes, with all that is before it.
    func begin(_ parts: inout [BatchPart], in pool: borrowing BlockPool) throws(EngineFailure) {
        run += 1
        for part in parts { forgetWritten(by: part, in: pool) }
        for index in parts.indices where parts[index].parent == nil {
            if let lane = lane(with: parts[index]) { take(lane, for: &parts[index]) }
        }
        for index in parts.indices where parts[index].parent == nil && parts[index].lanes.isEmpty {
            take(try assembledLane(for: parts[index], in: pool), for: &parts[index])
        }
        for index in parts.indices {
            guard let parent = parts[index].parent else { continue }
            // The first one behind a part goes on in its lane; each other one gets one, which has the same from the start.
            let isFirst = !parts[..<index].contains { $0.parent == parent }
            let lane = isFirst ? parts[parent].lanes[0] : try assembledLane(for: parts[parent], in: pool)
            if !isFirst { take(lane, for: &parts[parent]) }
            parts[index].lanes = [lane]
        }
    }

    func sequences(of part: BatchPart) -> [Int32] { part.lanes.map { sequence(lane: $0) } }

    private func take(_ lane: Int, for part: inout BatchPart) {
        lanes[lane].lastUse = run
        part.lanes.append(lane)
    }

    /// One that has exactly what is before a part, and that no other part of this batch has taken.
    private func lane(with part: BatchPart) -> Int? {
        let tokens = part.positions.lowerBound
        guard tokens > 0, let before = place(part.block(at: tokens - 1, blockSize)) else { return nil }
        return before.lanes.first { lane in
            lanes[lane].tokens == tokens && lanes[lane].lastUse < run
                && lanes[lane].blocks.elementsEqual(part.blocks.prefix(lanes[lane].blocks.count))
        }
    }

    /// An empty one: of those with something in them that which nobody holds, or was not used for longest.
    private func emptyLane(in pool: borrowing BlockPool) throws(EngineFailure) -> Int {
        var best: (lane: Int, isLiving: Bool)?
        for lane in lanes.indices where lanes[lane].lastUse < run {
            guard let last = lanes[lane].blocks.last else { return lane }
            let isLiving = pool.isHeld(last)
            guard let known = best else {
                best = (lane, isLiving)
                continue
            }
            let isOlder = isLiving == known.isLiving && lanes[lane].lastUse < lanes[known.lane].lastUse
            if isOlder || (known.isLiving && !isLiving) { best = (lane, isLiving) }
        }
        guard let best else { throw EngineFailure("more sequences in a step than there are lanes") }
        clear(best.lane, in: pool)
        return best.lane
    }

    private func assembledLane(for part: BatchPart, in pool: borrowing BlockPool) throws(EngineFailure) -> Int {
        let lane = try emptyLane(in: pool), end = part.positions.lowerBound
        var pending: (source: Int32, positions: Range<Int>)?
        for (page, block) in part.blocks.prefix((end + blockSize - 1) / blockSize).enumerated() {
            let wanted = positions(page, tokens: min(blockSize, end - page * blockSize))
            guard var place = place(block), place.page == page, place.tokens >= wanted.count else {
                throw EngineFailure("the state of page \(page) of a sequence is not there")
            }
            if let source = place.shelf.map(sequence(shelf:)) ?? place.lanes.first.map(sequence(lane:)) {
                // Neighbours that lie in one sequence go over together; what lies between others there is somebody else's.
                if let run = pending, run.source == source, run.positions.upperBound == wanted.lowerBound {
                    pending = (source, run.positions.lowerBound..<wanted.upperBound)
                } else {
                    share(pending, with: lane)
                    pending = (source, wanted)
                }
            } else {
                guard let bytes = place.bytes,
                    context.restore(
                        form.state(of: bytes[...], first: wanted.lowerBound, tokens: wanted.count, room: blockSize), to: passage)
                else { throw EngineFailure("the state of a block finds no room") }
                context.share(wanted, of: passage, with: sequence(lane: lane))
                context.removeAll(from: passage)
            }
            place.lanes.append(lane)
            set(place, block)
            lanes[lane].blocks.append(block)
        }
        share(pending, with: lane)
        lanes[lane].tokens = end
        lanes[lane].lastUse = run
        return lane
    }

    private func share(_ run: (source: Int32, positions: Range<Int>)?, with lane: Int) {
        if let run { context.share(run.positions, of: run.source, with: sequence(lane: lane)) }
    }

    /// The rows of a part are computed: they are in its lanes.
    func end(_ part: BatchPart, in pool: borrowing BlockPool) {
        let end = part.positions.upperBound
        for lane in part.lanes {
            lanes[lane].blocks.append(contentsOf: part.blocks.prefix((end + blockSize - 1) / blockSize).dropFirst(lanes[lane].blocks.count))
            lanes[lane].tokens = end
        }
        for page in part.positions.lowerBound / blockSize...(end - 1) / blockSize {
            let block = part.block(at: page * blockSize, blockSize)
            leaveOtherPlaces(block, than: part.lanes, in: pool)
            set(BlockPlace(page: page, tokens: min(blockSize, end - page * blockSize), lanes: part.lanes), block)
        }
        shelve(part, in: pool)
    }
}
