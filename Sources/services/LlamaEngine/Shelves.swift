import Engines

/// Sequences in which blocks stay that nobody computes on. As cells keep their positions, a shelf has one place for each page number.
struct Shelves {
    private let count: Int
    /// By page number, then by shelf.
    private var occupants: [[BlockNumber?]] = []

    init(count: Int) { self.count = count }

    /// A shelf whose place for this page is free; `preferred` if it is one of those.
    func free(for page: Int, preferred: Int?) -> Int? {
        guard page < occupants.count else { return count > 0 ? preferred ?? 0 : nil }
        if let preferred, occupants[page][preferred] == nil { return preferred }
        return occupants[page].firstIndex(of: nil)
    }

    /// Who lies on each shelf in the place of this page.
    func occupants(of page: Int) -> [BlockNumber?] { page < occupants.count ? occupants[page] : [] }

    mutating func put(_ block: BlockNumber, page: Int, shelf: Int) {
        while occupants.count <= page { occupants.append(Array(repeating: nil, count: count)) }
        occupants[page][shelf] = block
    }

    /// All that lie somewhere.
    var all: [(block: BlockNumber, page: Int, shelf: Int)] {
        occupants.enumerated().flatMap { page, row in
            row.enumerated().compactMap { shelf, block in block.map { ($0, page, shelf) } }
        }
    }

    mutating func empty(page: Int, shelf: Int) { occupants[page][shelf] = nil }
}
