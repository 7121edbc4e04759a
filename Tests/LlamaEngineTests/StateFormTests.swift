import ClusterModel
import Engines
import Testing

@testable import LlamaEngine

@Suite("llama.cpp's state of a sequence")
struct StateFormTests {
    private static let first = 48
    private static let tokens = 5

    /// State of five tokens in two layers, whose rows lie in another order than their positions, each byte by layer, token and place.
    private static func state(transposed: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        func word(_ value: Int) { withUnsafeBytes(of: UInt32(value).littleEndian) { bytes += $0 } }
        for value in [0x6767_7371, 3, 1, tokens] { word(value) }
        let order = [2, 0, 1, 4, 3]
        for place in order { for value in [first + place, 1, 3] { word(value) } }
        for value in [transposed ? 1 : 0, 2] { word(value) }
        for layer in 0..<2 {
            for value in [1, 6, 0] { word(value) }
            for place in order { bytes += (0..<6).map { UInt8(layer * 100 + place * 10 + $0) } }
        }
        for layer in 0..<2 {
            for value in transposed ? [1, 2, 2] : [1, 4, 0] { word(value) }
            if !transposed {
                for place in order { bytes += (0..<4).map { UInt8(50 + layer * 100 + place * 10 + $0) } }
            } else {
                for number in 0..<2 {
                    for place in order { bytes += (0..<2).map { UInt8(50 + layer * 100 + place * 10 + number * 2 + $0) } }
                }
            }
        }
        return bytes
    }

    @Test("rows come out by token, and go back in as they were", arguments: [false, true])
    func pages(transposed: Bool) throws {
        let state = Self.state(transposed: transposed), form = try #require(StateForm(of: state, tokens: Self.tokens))
        #expect(form.isTransposed == transposed && form.tokenBytes == 20 && form.keys.count == 2 && form.values.count == 2)
        let page = try #require(form.page(of: state, first: Self.first, tokens: Self.tokens, room: 8))
        #expect(page.count == 8 * 20)
        #expect(Array(page[12..<18]) == (0..<6).map { 20 + $0 }, "the third token's keys in the first layer")
        #expect(Array(page[2 * 48 + 4..<2 * 48 + 8]) == (0..<4).map { 60 + $0 }, "the second token's values in the first layer")
        #expect(page[30..<48].allSatisfy { $0 == 0 }, "nothing behind the last token")
        for count in 1...Self.tokens {
            let again = form.state(of: page[...], first: Self.first, tokens: count, room: 8)
            #expect(StateForm(of: again, tokens: count) == form)
            let part = try #require(form.page(of: again, first: Self.first, tokens: count, room: 8))
            #expect(part[..<(count * 6)] == page[..<(count * 6)])
        }
    }

    @Test("state that was cut anywhere, or has something behind it, is none", arguments: [false, true])
    func cut(transposed: Bool) {
        let state = Self.state(transposed: transposed)
        for end in 0..<state.count {
            // Without all values, or without the last of them, it is state of a model that has no such; never is it the same form.
            #expect(StateForm(of: Array(state[..<end]), tokens: Self.tokens) != StateForm(of: state, tokens: Self.tokens))
        }
        #expect(StateForm(of: state + [0], tokens: Self.tokens) == nil)
        #expect(StateForm(of: state, tokens: Self.tokens - 1) == nil)
    }

    @Test("damaged state is read or refused, and never traps", arguments: [false, true])
    func damaged(transposed: Bool) throws {
        let state = Self.state(transposed: transposed), form = try #require(StateForm(of: state, tokens: Self.tokens))
        var random = SeededRandom(seed: 5), refused = 0
        for _ in 0..<20_000 {
            var other = state
            for _ in 0...random.next() % 3 { other[Int(random.next() % UInt64(other.count))] = UInt8(truncatingIfNeeded: random.next()) }
            if form.page(of: other, first: Self.first, tokens: Self.tokens, room: 8) == nil { refused += 1 }
        }
        #expect(refused > 5_000)
    }

    @Test("a position that is there twice, or is another page's, is refused")
    func positions() throws {
        let state = Self.state(transposed: false), form = try #require(StateForm(of: state, tokens: Self.tokens))
        var twice = state
        twice[16] = UInt8(Self.first)
        #expect(form.page(of: twice, first: Self.first, tokens: Self.tokens, room: 8) == nil)
        #expect(form.page(of: state, first: Self.first - 1, tokens: Self.tokens, room: 8) == nil)
    }
}
