/// Hashes with their parents, in ascending order, 16 bytes each and a half more for room.
///
/// Sorted runs of at most `mostInRun`: a change moves no more than one run's entries, a page is read from any hash on as it lies there, and
/// no choice of hashes makes either slower, as it could with a table or an unbalanced tree.
struct BlockSet {
    struct Entry: Hashable, BitwiseCopyable {
        let hash: UInt64
        /// 0: the first block of a prompt.
        let parent: UInt64
    }

    /// Where a reader is; any change makes it meaningless.
    struct Place: Hashable {
        fileprivate var run: Int
        fileprivate var index: Int
    }

    /// 4 KiB: short enough to move in no time, long enough that there are few runs.
    private static let mostInRun = 256
    /// Neighbours that together hold no more become one. It is well below `mostInRun`, so that no run is parted and joined in turns.
    private static let fewInTwoRuns = 192

    private var runs: [[Entry]] = []
    /// For each run a hash that none of its entries is below, and all of the run before are.
    private var bounds: [UInt64] = []
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    // MARK: Changes

    /// False if the hash is there already.
    mutating func insert(_ hash: UInt64, parent: UInt64) -> Bool {
        if runs.isEmpty {
            runs.append([])
            bounds.append(0)
        }
        let run = self.run(of: hash), index = Self.index(of: hash, in: runs[run])
        if index < runs[run].count, runs[run][index].hash == hash { return false }
        runs[run].insert(Entry(hash: hash, parent: parent), at: index)
        count += 1
        if runs[run].count == Self.mostInRun { part(run) }
        return true
    }

    /// False if the hash is not there.
    mutating func remove(_ hash: UInt64) -> Bool {
        guard !runs.isEmpty else { return false }
        let run = self.run(of: hash), index = Self.index(of: hash, in: runs[run])
        guard index < runs[run].count, runs[run][index].hash == hash else { return false }
        runs[run].remove(at: index)
        count -= 1
        if count == 0 {
            removeAll()
        } else if belongTogether(run, run + 1) {
            join(run)
        } else if belongTogether(run, run - 1) {
            join(run - 1)
        }
        return true
    }

    mutating func removeAll() { self = BlockSet() }

    /// A run that became empty goes, whoever is beside it.
    private func belongTogether(_ run: Int, _ other: Int) -> Bool {
        guard runs.indices.contains(other) else { return false }
        return runs[run].isEmpty || runs[run].count + runs[other].count <= Self.fewInTwoRuns
    }

    private mutating func part(_ run: Int) {
        let half = Self.mostInRun / 2
        var upper: [Entry] = []
        upper.reserveCapacity(Self.mostInRun)
        upper.append(contentsOf: runs[run][half...])
        runs[run].removeLast(Self.mostInRun - half)
        bounds.insert(upper[0].hash, at: run + 1)
        runs.insert(upper, at: run + 1)
    }

    /// With the one behind it.
    private mutating func join(_ run: Int) {
        let upper = runs.remove(at: run + 1)
        bounds.remove(at: run + 1)
        runs[run].append(contentsOf: upper)
    }

    // MARK: Reading

    func contains(_ hash: UInt64) -> Bool {
        guard !runs.isEmpty else { return false }
        let run = self.run(of: hash), index = Self.index(of: hash, in: runs[run])
        return index < runs[run].count && runs[run][index].hash == hash
    }

    /// The first entry at or above `hash`.
    func place(atOrAbove hash: UInt64) -> Place {
        guard !runs.isEmpty else { return Place(run: 0, index: 0) }
        let run = self.run(of: hash)
        return settled(Place(run: run, index: Self.index(of: hash, in: runs[run])))
    }

    func place(after place: Place) -> Place { settled(Place(run: place.run, index: place.index + 1)) }

    /// Nil behind the last one.
    subscript(place: Place) -> Entry? { place.run < runs.count ? runs[place.run][place.index] : nil }

    /// No run is empty, so that the next one has an entry if there is a next one.
    private func settled(_ place: Place) -> Place {
        place.run < runs.count && place.index == runs[place.run].count ? Place(run: place.run + 1, index: 0) : place
    }

    // MARK: Search

    /// The last run whose bound is not above `hash`.
    private func run(of hash: UInt64) -> Int {
        var low = 0, high = bounds.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if bounds[middle] <= hash { low = middle } else { high = middle }
        }
        return low
    }

    private static func index(of hash: UInt64, in run: [Entry]) -> Int {
        var low = 0, high = run.count
        while low < high {
            let middle = (low + high) / 2
            if run[middle].hash < hash { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
