/// Small numbers in the order in which they were added; each change takes the same short time, however long the list is.
struct RecencyList {
    private struct Link {
        var previous = RecencyList.outside
        var next = RecencyList.outside
    }

    private static let outside = UInt32.max
    private static let end = UInt32.max - 1

    private var links: [Link] = []
    private(set) var first: UInt32?
    private var last: UInt32?
    private(set) var count = 0

    func contains(_ number: UInt32) -> Bool { number < links.count && links[Int(number)].next != Self.outside }

    /// The number is in no place of the list yet.
    mutating func append(_ number: UInt32) {
        while links.count <= number { links.append(Link()) }
        links[Int(number)] = Link(previous: last ?? Self.end, next: Self.end)
        if let last { links[Int(last)].next = number } else { first = number }
        last = number
        count += 1
    }

    mutating func remove(_ number: UInt32) {
        let link = links[Int(number)]
        assert(link.next != Self.outside, "it is in the list")
        if link.previous == Self.end {
            first = link.next == Self.end ? nil : link.next
        } else {
            links[Int(link.previous)].next = link.next
        }
        if link.next == Self.end {
            last = link.previous == Self.end ? nil : link.previous
        } else {
            links[Int(link.next)].previous = link.previous
        }
        links[Int(number)] = Link()
        count -= 1
    }

    /// All of them, oldest first; nil if the links contradict one another.
    var elements: [UInt32]? {
        var found: [UInt32] = [], previous = Self.end, next = first ?? Self.end
        while next != Self.end {
            guard next < links.count, links[Int(next)].previous == previous, found.count < count else { return nil }
            found.append(next)
            previous = next
            next = links[Int(next)].next
        }
        return found.count == count && previous == (last ?? Self.end) ? found : nil
    }
}
