import Testing

@testable import FrontendService

@Suite("One thing, or several")
struct OneOrMoreTests {
    private struct Odd: Error, Equatable { let number: Int }

    @Test("all of them come in order, the first one first, and each once", arguments: 0...3)
    func order(others: Int) {
        let things = OneOrMore(0, Array(1..<1 + others))
        #expect(Array(things) == Array(0...others) && things.count == others + 1)
        #expect(things.isOne == (others == 0))
        #expect(Array(things.map { $0 * 2 }) == (0...others).map { $0 * 2 })
    }

    @Test("what cannot be made of one of them is made of none", arguments: 0...3)
    func failure(odd: Int) {
        let things = OneOrMore(0, [1, 2, 3])
        let error = #expect(throws: Odd.self) {
            _ = try things.map { (number) throws(Odd) -> Int in
                if number == odd { throw Odd(number: number) }
                return number
            }
        }
        #expect(error == Odd(number: odd))
    }
}
