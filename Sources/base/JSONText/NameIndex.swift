/// An open-addressing hash table from member names to their places; the names themselves stay in the object.
struct NameIndex: Sendable {
    /// The upper half of the name's hash, and its place + 1; 0 for a free slot. A power of two long, at most half full. With the hash at hand a table
    /// grows, and a new name finds its slot, without a look at names that lie all over memory.
    private var slots: [UInt64] = []

    var isEmpty: Bool { slots.isEmpty }

    func place(of name: String, in members: [JSONObject.Member]) -> Int? {
        let hash = Self.hash(name), mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            if slots[slot] >> 32 == hash {
                let place = Int(slots[slot] & 0xFFFF_FFFF) - 1
                if members[place].name.hasSameBytes(as: name) { return place }
            }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// Takes in the last member; its name must be new.
    mutating func addLast(of members: [JSONObject.Member]) {
        let place = members.count - 1
        if slots.isEmpty {
            rebuild(for: members)
        } else {
            if members.count * 2 > slots.count { grow() }
            add(Self.hash(members[place].name) << 32 | UInt64(place + 1))
        }
    }

    mutating func rebuild(for members: [JSONObject.Member]) {
        var capacity = 64
        while capacity < members.count * 2 { capacity *= 2 }
        slots = [UInt64](repeating: 0, count: capacity)
        for place in members.indices { add(Self.hash(members[place].name) << 32 | UInt64(place + 1)) }
    }

    private mutating func grow() {
        let old = slots
        slots = [UInt64](repeating: 0, count: old.count * 2)
        for entry in old where entry != 0 { add(entry) }
    }

    private mutating func add(_ entry: UInt64) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: entry >> 32) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = entry
    }

    /// Half of it is kept, which is enough for as many slots as there are places.
    private static func hash(_ name: String) -> UInt64 { UInt64(truncatingIfNeeded: name.hashOfBytes) >> 32 }
}
