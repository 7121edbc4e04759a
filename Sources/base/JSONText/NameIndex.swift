/// An open-addressing hash table from member names to their places; the names themselves stay in the object.
struct NameIndex: Sendable {
    /// Place + 1, 0 for a free slot; a power of two long, at most half full.
    private var slots: [UInt32] = []

    var isEmpty: Bool { slots.isEmpty }

    func place(of name: String, in members: [JSONObject.Member]) -> Int? {
        let mask = slots.count - 1
        var slot = name.hashOfBytes & mask
        while slots[slot] != 0 {
            let place = Int(slots[slot]) - 1
            if members[place].name.hasSameBytes(as: name) { return place }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// Takes in the last member; its name must be new.
    mutating func addLast(of members: [JSONObject.Member]) {
        if members.count * 2 > slots.count {
            rebuild(for: members)
        } else {
            add(members.count - 1, members)
        }
    }

    mutating func rebuild(for members: [JSONObject.Member]) {
        var capacity = 64
        while capacity < members.count * 4 { capacity *= 2 }
        slots = [UInt32](repeating: 0, count: capacity)
        for place in members.indices { add(place, members) }
    }

    private mutating func add(_ place: Int, _ members: [JSONObject.Member]) {
        let mask = slots.count - 1
        var slot = members[place].name.hashOfBytes & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = UInt32(place + 1)
    }
}
