/// Something summed up by key, for the first keys that come; what further ones bring is summed up under no key.
///
/// Keys come from outside (error codes of a server, tenants of a trace): a bound keeps memory and reports small.
struct BoundedTally<Key: Hashable & Comparable & Sendable, Value: Equatable & Sendable>: Equatable, Sendable {
    private(set) var entries: [(key: Key, value: Value)] = []
    private(set) var other: Value?
    private var places: [Key: Int] = [:]
    private let limit: Int
    private let zero: Value

    init(limit: Int, zero: Value) {
        self.limit = limit
        self.zero = zero
        entries.reserveCapacity(limit)
        places.reserveCapacity(limit)
    }

    mutating func update(_ key: Key, _ change: (inout Value) -> Void) {
        if let place = places[key] {
            change(&entries[place].value)
        } else if entries.count < limit {
            var value = zero
            change(&value)
            places[key] = entries.count
            entries.append((key, value))
        } else {
            updateOther(change)
        }
    }

    mutating func updateOther(_ change: (inout Value) -> Void) {
        var value = other ?? zero
        change(&value)
        other = value
    }

    var sorted: [(key: Key, value: Value)] { entries.sorted { $0.key < $1.key } }

    /// What both know is summed up; where both together know more keys than the limit, the lowest keep their names.
    mutating func merge(_ theirs: BoundedTally, adding: (inout Value, Value) -> Void) {
        var all = entries
        for entry in theirs.entries {
            if let place = places[entry.key] { adding(&all[place].value, entry.value) } else { all.append(entry) }
        }
        all.sort { $0.key < $1.key }
        var merged = BoundedTally(limit: limit, zero: zero)
        for entry in all { merged.update(entry.key) { adding(&$0, entry.value) } }
        for rest in [other, theirs.other] {
            if let rest { merged.updateOther { adding(&$0, rest) } }
        }
        self = merged
    }

    static func == (left: BoundedTally, right: BoundedTally) -> Bool {
        left.other == right.other && left.sorted.elementsEqual(right.sorted) { $0.key == $1.key && $0.value == $1.value }
    }
}
