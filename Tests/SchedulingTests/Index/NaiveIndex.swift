import Scheduling

/// A block index that keeps dictionaries and walks every prompt block by block, for every slot.
struct NaiveIndex {
    private struct Place {
        /// Tiers as bits.
        var cached: [UInt64: UInt8] = [:]
        var active: [UInt64: Int] = [:]
        var predicted: [UInt64: Int] = [:]
    }

    private var places: [PlacementSlot: Place] = [:]

    func isOpen(_ slot: PlacementSlot) -> Bool { places[slot] != nil }
    var open: [PlacementSlot] { places.keys.sorted() }

    mutating func open(_ slot: PlacementSlot) { places[slot] = Place() }
    mutating func retire(_ slot: PlacementSlot) { places[slot] = nil }

    mutating func store(_ hashes: some Sequence<UInt64>, on slot: PlacementSlot, tier: BlockTier) {
        for hash in hashes { places[slot]?.cached[hash, default: 0] |= 1 << tier.rawValue }
    }

    mutating func remove(_ hashes: some Sequence<UInt64>, on slot: PlacementSlot, tier: BlockTier) {
        for hash in hashes {
            guard let tiers = places[slot]?.cached[hash] else { continue }
            let left = tiers & ~(1 << tier.rawValue)
            places[slot]?.cached[hash] = left == 0 ? nil : left
        }
    }

    mutating func clear(_ slot: PlacementSlot) { places[slot]?.cached = [:] }

    mutating func hold(_ hashes: some Sequence<UInt64>, on slot: PlacementSlot) {
        for hash in hashes {
            places[slot]?.active[hash, default: 0] += 1
            places[slot]?.predicted[hash, default: 0] += 1
        }
    }

    mutating func settle(_ hashes: some Sequence<UInt64>, on slot: PlacementSlot) {
        for hash in hashes { places[slot]?.predicted[hash, default: 0] -= 1 }
    }

    mutating func release(_ hashes: some Sequence<UInt64>, on slot: PlacementSlot, isPredicted: Bool) {
        for hash in hashes {
            places[slot]?.active[hash, default: 0] -= 1
            if isPredicted { places[slot]?.predicted[hash, default: 0] -= 1 }
        }
    }

    func match(_ hashes: [UInt64], _ slot: PlacementSlot) -> BlockMatch {
        var match = BlockMatch()
        guard let place = places[slot] else { return match }
        func run(from start: Int, _ has: (UInt64) -> Bool) -> Int {
            var end = start
            while end < hashes.count, has(hashes[end]) { end += 1 }
            return end
        }
        func has(_ hash: UInt64, _ tiers: UInt8) -> Bool {
            (place.cached[hash] ?? 0) & tiers != 0 || (place.predicted[hash] ?? 0) > 0
        }
        let device = run(from: 0) { has($0, 0b1) }
        let host = run(from: device) { has($0, 0b11) }
        let disk = run(from: host) { has($0, 0b111) }
        let external = run(from: disk) { has($0, 0b1111) }
        match.confirmed = UInt32(run(from: 0) { (place.cached[$0] ?? 0) & 1 != 0 })
        match.device = UInt32(device)
        match.host = UInt32(host - device)
        match.disk = UInt32(disk - host)
        match.external = UInt32(external - disk)
        match.active = UInt32(run(from: 0) { (place.active[$0] ?? 0) > 0 })
        return match
    }

    func activeBlocks(on slot: PlacementSlot) -> Int { places[slot]?.active.values.count { $0 > 0 } ?? 0 }

    func exclusiveBlocks(_ hashes: [UInt64], on slot: PlacementSlot) -> Int {
        hashes.reversed().prefix { places[slot]?.active[$0] == 1 }.count
    }

    func cachedBlocks(on slot: PlacementSlot) -> Int { places[slot]?.cached.values.count { $0 & 1 != 0 } ?? 0 }
    var copies: Int { places.values.reduce(0) { $0 + $1.cached.count } }

    /// Places where a block is on the device and not the one before.
    func openMarks(parents: [UInt64: UInt64]) -> Int {
        places.values.reduce(0) { sum, place in
            let missing = place.cached.compactMap { hash, tiers -> UInt64? in
                guard tiers & 1 != 0, let parent = parents[hash], (place.cached[parent] ?? 0) & 1 == 0 else { return nil }
                return parent
            }
            return sum + Set(missing).count
        }
    }
}
