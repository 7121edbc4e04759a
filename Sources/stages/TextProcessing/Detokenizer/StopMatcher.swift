/// Finds stop texts in text that arrives in pieces, wherever the pieces break.
///
/// Shown at once is all text that cannot be the beginning of a stop any more; held back is never more than the longest beginning of one. The stop
/// that ends first wins, of those that end together the longest, so the result does not depend on the pieces. Costs a few operations a byte.
package struct StopMatcher: Sendable {
    /// One stop text and how far it has come (Knuth, Morris and Pratt).
    private struct Candidate {
        let text: [UInt8]
        /// For each count of matched bytes the longest smaller one that the same bytes end with.
        let fallback: [UInt32]
        var matched = 0

        init(_ text: [UInt8]) {
            self.text = text
            var fallback = [UInt32](repeating: 0, count: text.count + 1)
            var length = 0
            for index in text.indices.dropFirst() {
                while length > 0 && text[index] != text[length] { length = Int(fallback[length]) }
                if text[index] == text[length] { length += 1 }
                fallback[index + 1] = UInt32(length)
            }
            self.fallback = fallback
        }

        /// True if the stop ends with this byte.
        @inline(__always)
        mutating func step(_ byte: UInt8) -> Bool {
            while matched > 0 && text[matched] != byte { matched = Int(fallback[matched]) }
            if text[matched] == byte { matched += 1 }
            return matched == text.count
        }
    }

    /// Whether a stop is shown; hidden ones are not.
    package let includesStop: Bool
    /// Stops from this index on are hidden.
    private let firstHidden: Int
    private var candidates: [Candidate]
    /// Which of the client's stops each candidate is.
    private let places: [Int]
    /// Bytes that begin a stop.
    private var starts = ByteSet()
    /// As long as the candidate that has come farthest.
    private var held: [UInt8] = []
    private var isDone = false

    /// Stops are compared as bytes; empty ones are left out.
    /// `hidden` are counted behind `stops`.
    package init(_ stops: [String], includesStop: Bool, hidden: [String] = []) {
        self.includesStop = includesStop
        firstHidden = stops.count
        let texts = (stops + hidden).enumerated().filter { !$0.element.isEmpty }
        candidates = texts.map { Candidate(Array($0.element.utf8)) }
        places = texts.map(\.offset)
        for candidate in candidates { starts.insert(candidate.text[0]) }
    }

    package var isEmpty: Bool { candidates.isEmpty }

    /// Bytes that wait because they may begin a stop.
    package var heldBytes: Int { held.count }

    /// Appends to `shown` what is safe to show of what came so far. Returns the index of the stop that was found, if one was: then all is
    /// over, and later text is dropped.
    package mutating func append(_ text: Span<UInt8>, to shown: inout [UInt8]) -> Int? {
        guard !isDone else { return nil }
        var position = 0
        while position < text.count {
            if held.isEmpty {  // then no candidate has begun
                let plain = position
                while position < text.count, !starts.contains(text[position]) { position += 1 }
                text.extracting(plain..<position).withUnsafeBufferPointer { shown.append(contentsOf: $0) }
                guard position < text.count else { return nil }
            }
            let byte = text[position]
            position += 1
            held.append(byte)
            if let found = step(byte) {
                isDone = true
                shown.append(contentsOf: includesStop && found.stop < firstHidden ? held[...] : held.dropLast(found.length))
                held.removeAll(keepingCapacity: true)
                return found.stop
            }
            release(keeping: candidates.reduce(0) { max($0, $1.matched) }, to: &shown)
        }
        return nil
    }

    /// No more text comes: what was held back is no stop.
    package mutating func finish(into shown: inout [UInt8]) { release(keeping: 0, to: &shown) }

    /// What comes next does not go on with what came before: no stop reaches across.
    package mutating func interrupt(into shown: inout [UInt8]) {
        guard !isDone else { return }
        release(keeping: 0, to: &shown)
        for index in candidates.indices { candidates[index].matched = 0 }
    }

    private mutating func step(_ byte: UInt8) -> (stop: Int, length: Int)? {
        var found: (stop: Int, length: Int)?
        for index in candidates.indices where candidates[index].step(byte) {
            let length = candidates[index].text.count
            if found.map({ length > $0.length }) ?? true { found = (places[index], length) }
        }
        return found
    }

    private mutating func release(keeping kept: Int, to shown: inout [UInt8]) {
        let count = held.count - kept
        guard count > 0 else { return }
        shown.append(contentsOf: held[..<count])
        held.removeFirst(count)
    }
}
