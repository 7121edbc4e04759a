/// Elements under numbers that stay the same as long as they are there, changed where they lie. A number that came free is given anew.
struct Slab<Element: Sendable>: Sendable {
    private var elements: [Element] = []
    private var isUsed: [Bool] = []
    private var free: [Int] = []
    /// Takes the place of what went. An optional in each place would be copied out with every look at it.
    private let nothing: Element

    /// An empty one with room for more than so many lets go of it.
    static var kept: Int { 1024 }

    init(empty nothing: Element) { self.nothing = nothing }

    var count: Int { elements.count - free.count }

    /// There must be one under that number.
    subscript(number: Int) -> Element {
        _read { yield elements[number] }
        _modify { yield &elements[number] }
    }

    mutating func insert(_ element: Element) -> Int {
        if let number = free.popLast() {
            elements[number] = element
            isUsed[number] = true
            return number
        }
        elements.append(element)
        isUsed.append(true)
        return elements.count - 1
    }

    mutating func remove(_ number: Int) {
        precondition(isUsed[number], "nothing under number \(number)")
        elements[number] = nothing
        isUsed[number] = false
        free.append(number)
        if free.count == elements.count, free.count > Self.kept { self = Slab(empty: nothing) }
    }

    /// The numbers of all, from the lowest on.
    var numbers: some Sequence<Int> { isUsed.indices.lazy.filter { [isUsed] in isUsed[$0] } }
}
