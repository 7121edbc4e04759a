import Engines

extension BlockMemory {
    /// What is wrong with its books; for tests.
    var problems: [String] {
        var problems: [String] = [], lastOnShelf: [Int: Int] = [:]
        for (block, page, shelf) in shelves.all {
            if place(block)?.shelf != shelf || place(block)?.page != page {
                problems.append("block \(block) is on shelf \(shelf) for nobody")
            }
            lastOnShelf[shelf] = max(lastOnShelf[shelf] ?? 0, page)
        }
        for shelf in 0..<context.sequences - 1 - lanes.count {
            let last = context.lastPosition(of: sequence(shelf: shelf)).map { $0 / blockSize }
            if last != lastOnShelf[shelf] { problems.append("shelf \(shelf) has cells of nobody") }
        }
        for (number, lane) in lanes.enumerated() {
            if context.lastPosition(of: sequence(lane: number)) != (lane.tokens > 0 ? lane.tokens - 1 : nil) {
                problems.append("lane \(number) does not have \(lane.tokens) tokens")
            }
            for (page, block) in lane.blocks.enumerated() {
                guard let place = place(block), place.page == page, place.lanes.contains(number) else {
                    problems.append("lane \(number) goes through block \(block), which is not there")
                    continue
                }
            }
        }
        for (number, place) in places.enumerated() {
            guard let place else { continue }
            let block = BlockNumber(number)
            if place.isNowhere { problems.append("block \(block) is nowhere") }
            for lane in place.lanes where lanes[lane].blocks.firstIndex(of: block) != place.page {
                problems.append("block \(block) is not in lane \(lane)")
            }
        }
        return problems
    }
}
