/// How far the entries of a table were gone through for the sake of numbers that ended. A number is free once a whole lap began after its end.
struct SweepLap {
    private var numbers: [PlaceNumber] = []
    private var waiting: [PlaceNumber] = []
    private var last: Set<PlaceNumber> = []
    private var cursor = 0

    var isIdle: Bool { numbers.isEmpty && waiting.isEmpty }

    /// `isLast`: after this lap nothing may be left of it.
    mutating func add(_ number: PlaceNumber, isLast: Bool = false) {
        waiting.append(number)
        if isLast { last.insert(number) }
    }

    func isLast(_ number: PlaceNumber) -> Bool { !last.isEmpty && last.contains(number) && numbers.contains(number) }

    /// Which entries come next; nil: none need to.
    mutating func next(_ limit: Int, of entries: Int) -> Range<Int>? {
        if numbers.isEmpty {
            guard !waiting.isEmpty else { return nil }
            swap(&numbers, &waiting)
            cursor = 0
        }
        let start = min(cursor, entries)
        cursor = start + min(max(limit, 0), entries - start)
        return start..<cursor
    }

    /// The numbers for which this was the whole lap.
    mutating func ended(at entries: Int) -> [PlaceNumber] {
        guard cursor >= entries else { return [] }
        defer { numbers.removeAll(keepingCapacity: true) }
        last.subtract(numbers)
        return numbers
    }
}
