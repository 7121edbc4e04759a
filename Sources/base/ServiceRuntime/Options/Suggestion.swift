/// "Did you mean": the known name with the fewest typing mistakes, if they are few.
enum Suggestion {
    /// The first of the nearest names within a third of the name's length, at most three mistakes; `nil` when none is near.
    static func nearest(to name: String, among known: [String]) -> String? {
        let written = Array(name.lowercasedASCII.utf8)
        guard !written.isEmpty, written.count <= OptionLimits.suggestionCharacters else { return nil }
        var best: (name: String, distance: Int)?
        for candidate in known {
            let distance = distance(written, Array(candidate.lowercasedASCII.utf8))
            if distance <= max(1, min(3, written.count / 3)), distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.name
    }

    /// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
    static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforePrevious: [Int] = []
        var previous = Array(0...right.count)
        for row in 0..<left.count {
            var current = [row + 1]
            current.reserveCapacity(right.count + 1)
            for column in 0..<right.count {
                let replaced = previous[column] + (left[row] == right[column] ? 0 : 1)
                var cost = min(replaced, previous[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    cost = min(cost, beforePrevious[column - 1] + 1)
                }
                current.append(cost)
            }
            beforePrevious = previous
            previous = current
        }
        return previous[right.count]
    }
}
