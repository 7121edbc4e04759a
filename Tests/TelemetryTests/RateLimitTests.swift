import Telemetry
import Testing

@Suite struct RateLimitTests {
    @Test("a key writes so many lines an interval, and the next one tells what was left out")
    func window() {
        var limit = RateLimit(lines: 2, perMilliseconds: 1_000)
        let verdicts = [0, 1, 2, 999, 1_000, 1_001].map { limit.admit("a", atMilliseconds: $0) }
        #expect(
            verdicts == [.write(suppressed: 0), .write(suppressed: 0), .suppress, .suppress, .write(suppressed: 2), .write(suppressed: 0)])
    }

    @Test("keys do not share their allowance")
    func keys() {
        var limit = RateLimit(lines: 1, perMilliseconds: 1_000)
        #expect(limit.admit("a", atMilliseconds: 0) == .write(suppressed: 0))
        #expect(limit.admit("b", atMilliseconds: 0) == .write(suppressed: 0))
        #expect(limit.admit("a", atMilliseconds: 500) == .suppress)
    }

    @Test("a key that fell silent is told by the timer, once, in order of keys")
    func expiry() {
        var limit = RateLimit(lines: 1, perMilliseconds: 1_000)
        for key in ["b", "a", "quiet"] { _ = limit.admit(key, atMilliseconds: 0) }
        for key in ["b", "a", "a"] { _ = limit.admit(key, atMilliseconds: 10) }
        #expect(limit.expire(atMilliseconds: 999) == [])
        #expect(
            limit.expire(atMilliseconds: 1_000) == [
                RateLimit.Suppressed(key: "a", lines: 2), RateLimit.Suppressed(key: "b", lines: 1),
            ])
        #expect(limit.expire(atMilliseconds: 5_000) == [])
    }

    @Test("keys past the limit share one allowance until intervals end")
    func fullTable() {
        var limit = RateLimit(lines: 1, perMilliseconds: 1_000, keyLimit: 2)
        for key in ["a", "b", "c"] { #expect(limit.admit(key, atMilliseconds: 0) == .write(suppressed: 0)) }
        #expect(limit.admit("d", atMilliseconds: 1) == .suppress)
        #expect(limit.admit("a", atMilliseconds: 1) == .suppress)
        // "e" finds room in place of "a" and "b", whose untold line moves to the shared count.
        #expect(limit.admit("e", atMilliseconds: 1_500) == .write(suppressed: 0))
        #expect(limit.expire(atMilliseconds: 9_000) == [RateLimit.Suppressed(key: RateLimit.otherKeys, lines: 2)])
    }

    @Test("a clock that jumps, in either direction and to its ends, never silences a key or traps")
    func clockJumps() {
        var limit = RateLimit(lines: 1, perMilliseconds: 1_000)
        for time in [5_000, 4_000, Int64.min, .max, .min] { #expect(limit.admit("a", atMilliseconds: time) == .write(suppressed: 0)) }
    }

    @Test("a limited logger writes the count of lines left out, and nothing when the line is to be left out")
    func limitedLogger() {
        let sink = CapturingSink()
        let log = sink.logger()
        var limit = RateLimit(lines: 1, perMilliseconds: 1_000)
        for time in [0, 10, 20, 1_500] as [Int64] {
            log.limited(limit.admit("peer", atMilliseconds: time))?.warning("refused", ["at": .integer(time)])
        }
        let written = sink.lines.map { String($0.dropFirst(#"{"ts":"2026-03-01T12:00:00.123Z","level":"warning","#.count)) }
        #expect(written == [#""msg":"refused","at":0}"# + "\n", #""msg":"refused","suppressed":2,"at":1500}"# + "\n"])
    }
}
