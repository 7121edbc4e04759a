import ClusterModel

/// What drills draw from their seeds.
extension SeededRandom {
    /// From 0 to below `limit`.
    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }

    mutating func within(_ range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }

    mutating func one<Element>(of elements: [Element]) -> Element { elements[below(elements.count)] }

    /// To the microsecond.
    mutating func span(_ least: Duration, to most: Duration) -> Duration {
        least + .microseconds(Int64(below(Int((most - least).inMicroseconds) + 1)))
    }

    mutating func flip() -> Bool { next() % 2 == 0 }
}
