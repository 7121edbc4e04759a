import ClusterModel
import Testing
import TextProcessing

@Suite("Stop matcher") struct StopMatcherTests {
    private func run(_ stops: [String], _ pieces: [String], includesStop: Bool = false) -> (shown: [String], stop: Int?) {
        var matcher = StopMatcher(stops, includesStop: includesStop)
        var shown: [UInt8] = [], steps: [String] = [], stop: Int?
        for piece in pieces {
            if let found = matcher.append(Array(piece.utf8).span, to: &shown) { stop = found }
            steps.append(String(decoding: shown, as: UTF8.self))
        }
        matcher.finish(into: &shown)
        return (steps + [String(decoding: shown, as: UTF8.self)], stop)
    }

    @Test("a stop across pieces is found, and nothing of it shown")
    func acrossPieces() {
        let (shown, stop) = run(["END"], ["text E", "N", "D more", "still"])
        #expect(shown == ["text ", "text ", "text ", "text ", "text "])
        #expect(stop == 0)
    }

    @Test("a beginning that leads nowhere is shown as soon as that is known")
    func falseStart() {
        #expect(run(["aab"], ["xa", "a", "a", "c"]).shown == ["x", "x", "xa", "xaaac", "xaaac"])
        #expect(run(["aab"], ["aa"]).shown == ["", "aa"])
    }

    @Test("the stop that ends first wins, and of those that end together the longest")
    func precedence() {
        #expect(run(["bcd", "bc"], ["abcd"]).shown.last == "a")
        #expect(run(["bcd", "bc"], ["abcd"]).stop == 1)
        #expect(run(["c", "abc"], ["zabc"]).shown.last == "z")
        #expect(run(["c", "abc"], ["zabc"]).stop == 1)
    }

    @Test("the stop is shown if it is to be included")
    func included() {
        #expect(run(["END"], ["some EN", "D."], includesStop: true).shown.last == "some END")
    }

    @Test("no stops, or empty ones, hold nothing back")
    func empty() {
        #expect(run([], ["a", "b"]).shown == ["a", "ab", "ab"])
        let (shown, stop) = run(["", "x"], ["ab", "x"])
        #expect(shown == ["ab", "ab", "ab"])
        #expect(stop == 1)
    }

    @Test("agrees with searching everything again at every step", arguments: 0..<500 as Range<UInt64>)
    func againstNaive(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let alphabet = Array("abcé".utf8.prefix(Int.random(in: 1...5, using: &random)))
        func word(_ length: ClosedRange<Int>) -> [UInt8] {
            (0..<Int.random(in: length, using: &random)).map { _ in alphabet.randomElement(using: &random)! }
        }
        // Stops are text, so an alphabet that ends inside é makes them repaired ones: both sides then search for the same.
        let stops = (0..<Int.random(in: 1...4, using: &random)).map { _ in String(decoding: word(0...6), as: UTF8.self) }
        let naive = NaiveStops(stops: stops.map { Array($0.utf8) }, includesStop: Bool.random(using: &random))
        var matcher = StopMatcher(stops, includesStop: naive.includesStop)
        let longest = naive.stops.map(\.count).max()!
        var text: [UInt8] = [], shown: [UInt8] = []
        for piece in random.pieces(word(0...60), most: 4) {
            text += piece
            let stop = matcher.append(piece.span, to: &shown)
            let expected = naive.shown(of: text)
            #expect(shown == expected.shown && stop == expected.stop, "\(stops) after \(text)")
            #expect(matcher.heldBytes < max(1, longest))
            if stop != nil { return }
        }
        matcher.finish(into: &shown)
        #expect(shown == text)
    }
}
