/// The runs of a prompt that a part of it touches, for parts in order: over all of them each run is looked at a few times, however many parts there are.
struct RunWindow {
    private let runs: [PromptText.Run]
    /// Of the first run that ends behind the part's beginning.
    private var first = 0

    init(_ runs: [PromptText.Run]) { self.runs = runs }

    /// `start` must not be before that of an earlier part, and the part must not be empty.
    mutating func touching(_ start: Int, _ end: Int) -> ArraySlice<PromptText.Run> {
        while first < runs.count, runs[first].end <= start { first += 1 }
        var last = first
        while last < runs.count, runs[last].end < end { last += 1 }
        return runs[first..<min(last + 1, runs.count)]
    }
}
