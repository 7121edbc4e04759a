import ClusterModel

/// What a table keeps, and how the parts of it that know one another stay alike.
extension LeaseTable {
    // MARK: What they count

    /// Of one that has not ended: what it counts changes with it.
    @inline(__always)
    mutating func change(_ entry: Int, _ body: (inout Entry) -> Void) {
        let before = LeaseCount(entries[entry]), held = entries[entry].lease.hashes.count, rank = entries[entry].lease.rank
        body(&entries[entry])
        hashCount += entries[entry].lease.hashes.count - held
        guard entries[entry].lease.rank == rank, let place = entries[entry].place else {
            uncount(before, of: entry)
            return count(entry)
        }
        places[place].count -= before
        places[place].count += LeaseCount(entries[entry])
    }

    private mutating func count(_ entry: Int) {
        let placement = entries[entry].lease.placement, count = LeaseCount(entries[entry])
        if let place = placeOf[placement] {
            places[place].count += count
            entries[entry].place = place
        } else {
            let place = places.insert(Place(placement: placement, count: count))
            placeOf[placement] = place
            entries[entry].place = place
        }
    }

    private mutating func uncount(_ count: LeaseCount, of entry: Int) {
        guard let place = entries[entry].place else { preconditionFailure("a lease that was never counted") }
        entries[entry].place = nil
        places[place].count -= count
        guard places[place].count.requests == 0 else { return }
        placeOf[places[place].placement] = nil
        places.remove(place)
    }

    func bounded(_ lease: Lease) -> Lease {
        guard hashCount + lease.hashes.count > limits.hashes else { return lease }
        var plain = lease
        plain.hashes = []
        return plain
    }

    // MARK: Coming and going

    mutating func makeStream(of life: WorkerLife) -> Int {
        if let known = streamOf[life] { return known }
        let stream = streams.insert(LeaseStream(life: life))
        streamOf[life] = stream
        return stream
    }

    /// There are no leases of it.
    mutating func forgetStream(of life: WorkerLife) {
        guard let stream = streamOf.removeValue(forKey: life) else { return }
        precondition(streams[stream].count == 0, "leases without a stream")
        streams.remove(stream)
    }

    /// The stream that it is now in.
    mutating func insert(_ lease: Lease, _ state: State) -> Int {
        let stream = makeStream(of: lease.life), older = streams[stream].newest
        let entry = entries.insert(Entry(lease: lease, state: state, stream: stream, older: older))
        entryOf[lease.number] = entry
        if let older { entries[older].newer = entry }
        streams[stream].newest = entry
        streams[stream].count += 1
        hashCount += lease.hashes.count
        count(entry)
        hold(lease.number, lease.request, lease.attempt)
        return stream
    }

    /// Nothing is left of it but its number.
    mutating func bury(_ entry: Int, until: Instant) {
        uncount(LeaseCount(entries[entry]), of: entry)
        hashCount -= entries[entry].lease.hashes.count
        entries[entry].lease.hashes = []
        entries[entry].state = .tombstone(until: until)
        buried += 1
    }

    mutating func remove(_ entry: Int) {
        let number = entries[entry].lease.number, request = entries[entry].lease.request
        if entries[entry].state.isTombstone {
            buried -= 1
        } else {
            uncount(LeaseCount(entries[entry]), of: entry)
            hashCount -= entries[entry].lease.hashes.count
        }
        let newer = entries[entry].newer, older = entries[entry].older, stream = entries[entry].stream
        if let older { entries[older].newer = newer }
        if let newer { entries[newer].older = older } else { streams[stream].newest = older }
        streams[stream].count -= 1
        entryOf[number] = nil
        entries.remove(entry)
        if let request { letGo(number, request) }
        // A dictionary keeps its room for ever.
        if entryOf.isEmpty, entryOf.capacity > Slab<Entry>.kept { (entryOf, holders) = ([:], [:]) }
    }

    /// The newest attempt counts; a leg of it that comes second stands beside the first.
    mutating func hold(_ number: UInt64, _ request: RequestID?, _ attempt: UInt8) {
        guard let request else { return }
        guard let holder = holders[request], attempt <= holder.attempt else {
            holders[request] = Holder(attempt: attempt, first: number, second: nil)
            return
        }
        guard attempt == holder.attempt, holder.first != number, holder.second != number else { return }
        holders[request]?.second = number
    }

    private mutating func letGo(_ number: UInt64, _ request: RequestID) {
        guard var holder = holders[request] else { return }
        if holder.second == number { holder.second = nil }
        if holder.first == number {
            guard let other = holder.second else {
                holders[request] = nil
                return
            }
            holder.first = other
            holder.second = nil
        }
        holders[request] = holder
    }
}

extension LeaseCount {
    /// Of one lease that has not ended.
    @inline(__always)
    fileprivate init(_ entry: borrowing LeaseTable.Entry) {
        requests = 1
        prefillTokens = UInt64(entry.lease.countedTokens)
        ownBlocks = entry.lease.ownBlocks
        discount = entry.lease.discount
        guard entry.state == .booked else { return }
        bookedRequests = 1
        bookedTokens = UInt64(entry.lease.prefillTokens)
    }

    fileprivate static func += (left: inout LeaseCount, right: LeaseCount) {
        left.requests += right.requests
        left.prefillTokens += right.prefillTokens
        left.ownBlocks += right.ownBlocks
        left.discount += right.discount
        left.bookedRequests += right.bookedRequests
        left.bookedTokens += right.bookedTokens
    }

    fileprivate static func -= (left: inout LeaseCount, right: LeaseCount) {
        left.requests -= right.requests
        left.prefillTokens -= right.prefillTokens
        left.ownBlocks -= right.ownBlocks
        left.discount -= right.discount
        left.bookedRequests -= right.bookedRequests
        left.bookedTokens -= right.bookedTokens
    }
}
