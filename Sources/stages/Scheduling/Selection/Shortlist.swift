/// The cheapest of many, in memory that is kept from decision to decision.
///
/// All totals are looked at first: `limit` says from which one on nobody is kept, so that of a large fleet hardly more are offered than there is room
/// for. Where equals are more than that, `cut` leaves the best of them.
package struct Shortlist: Sendable {
    package struct Entry: Hashable, Comparable, Sendable {
        package let standing: Standing
        /// Among the candidates.
        package let index: Int32

        @inline(__always)
        package static func < (left: Entry, right: Entry) -> Bool { left.standing < right.standing }
    }

    package private(set) var entries: [Entry] = []
    private let capacity: Int
    /// Those among which the limit was looked for last.
    private var totals: [Double] = []

    init(capacity: Int = SelectionLimits.shortlist) {
        self.capacity = capacity
        entries.reserveCapacity(capacity)
    }

    mutating func removeAll() { entries.removeAll(keepingCapacity: true) }

    /// The highest total that is kept of so many: whoever costs more need not be offered.
    mutating func limit(of count: Int, _ total: (Int) -> Double) -> Double {
        guard count > capacity else { return .infinity }
        if totals.count < count { totals.append(contentsOf: repeatElement(0, count: count - totals.count)) }
        return totals.withUnsafeMutableBufferPointer { totals in
            for place in 0..<count { totals[place] = total(place) }
            Self.part(totals.extracting(0..<count), capacity)
            return totals[capacity - 1]
        }
    }

    @inline(__always)
    mutating func offer(_ standing: Standing, _ index: Int) { entries.append(Entry(standing: standing, index: Int32(index))) }

    /// Keeps no more than there is room for.
    mutating func cut() {
        guard entries.count > capacity else { return }
        entries.withUnsafeMutableBufferPointer { Self.part($0, capacity) }
        entries.removeLast(entries.count - capacity)
    }

    /// Puts the lowest first, so many of them, the highest of those at their end. Parts the line around one of them, and goes on in the part in which
    /// that end is.
    private static func part<Element: Comparable>(_ line: UnsafeMutableBufferPointer<Element>, _ kept: Int) {
        let end = kept - 1
        var low = 0, high = line.count - 1
        while low < high {
            let pivot = line[(low + high) >> 1]
            var left = low, right = high
            while left <= right {
                while line[left] < pivot { left += 1 }
                while pivot < line[right] { right -= 1 }
                guard left <= right else { break }
                line.swapAt(left, right)
                left += 1
                right -= 1
            }
            // Between the two parts is what equals the one that parts them.
            guard end <= right || end >= left else { return }
            if end <= right { high = right } else { low = left }
        }
    }

    /// The cheapest first. In place: there are few, and a library's sort takes memory.
    mutating func sort() {
        for next in entries.indices.dropFirst() {
            let entry = entries[next]
            var hole = next
            while hole > 0, entry.standing < entries[hole - 1].standing {
                entries[hole] = entries[hole - 1]
                hole -= 1
            }
            entries[hole] = entry
        }
    }
}
