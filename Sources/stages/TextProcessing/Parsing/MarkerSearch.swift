/// Finds markers in symbols that come one by one, and lets go of what cannot be part of one any more.
///
/// Held back is never more than the longest beginning of a marker. The marker that ends first wins, of those that end together the longest.
struct MarkerSearch: Sendable {
    let markers: [[Symbol]]
    /// Bytes that begin a marker.
    private var starts = ByteSet()
    private(set) var held: [Symbol] = []
    /// What the last step let go of; the owner takes it before the next one.
    private(set) var released: [Symbol] = []

    init(_ markers: [[Symbol]]) {
        self.markers = markers
        for marker in markers { if let first = marker.first { starts.insert(first.byte) } }
    }

    /// Whether a byte may begin a marker: all others can pass by while nothing is held.
    @inline(__always)
    func mayStart(_ byte: UInt8) -> Bool { starts.contains(byte) }

    /// Takes a symbol; returns the marker that ends with it, if one does. Its symbols are dropped, what stood before it is in `released`.
    mutating func step(_ symbol: Symbol) -> Int? {
        released.removeAll(keepingCapacity: true)
        guard !held.isEmpty || mayStart(symbol.byte) else {
            released.append(symbol)
            return nil
        }
        held.append(symbol)
        if let found = ended() {
            released.append(contentsOf: held.dropLast(markers[found].count))
            held.removeAll(keepingCapacity: true)
            return found
        }
        var gone = 0
        while gone < held.count, !isBeginning(held[gone...]) { gone += 1 }
        released.append(contentsOf: held[..<gone])
        held.removeFirst(gone)
        return nil
    }

    /// Lets go of what is held: no marker, since the text ends or something else takes over.
    mutating func flush() -> [Symbol] {
        defer { held.removeAll(keepingCapacity: true) }
        return held
    }

    /// After a step that came to `found`: symbols before the present one, from the first on that belongs to a special token which is no marker
    /// here. Nil if there is none.
    func strayed(_ found: Int?) -> [Symbol]? {
        guard let first = released.firstIndex(where: \.isSpecial) else { return nil }
        return (released[first...] + (found.map { markers[$0] } ?? held)).dropLast()
    }

    private func ended() -> Int? {
        var longest: Int?
        for (index, marker) in markers.enumerated() where !marker.isEmpty && marker.count <= held.count {
            guard held.suffix(marker.count).elementsEqual(marker) else { continue }
            if longest.map({ markers[$0].count < marker.count }) ?? true { longest = index }
        }
        return longest
    }

    private func isBeginning(_ rest: ArraySlice<Symbol>) -> Bool { markers.contains { $0.starts(with: rest) } }
}

/// Waits for one of several markers with nothing but white space in front.
struct MarkerExpectation: Sendable {
    enum Verdict {
        case waits
        case found(Int)
        /// These symbols before the present one looked like the beginning of a marker.
        case refused([Symbol])
    }

    let markers: [[Symbol]]
    private var pending: [Symbol] = []

    init(_ markers: [[Symbol]]) { self.markers = markers }

    mutating func step(_ symbol: Symbol) -> Verdict {
        if pending.isEmpty && symbol.isSpace { return .waits }
        pending.append(symbol)
        if let found = markers.firstIndex(of: pending) {
            pending.removeAll(keepingCapacity: true)
            return .found(found)
        }
        guard markers.contains(where: { $0.starts(with: pending) }) else {
            defer { pending.removeAll(keepingCapacity: true) }
            return .refused(pending.dropLast())
        }
        return .waits
    }
}
