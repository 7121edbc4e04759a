import Concurrency
import Telemetry
import Testing

@Suite struct LoggerTests {
    private let sink = CapturingSink()

    @Test("a JSON line holds time, level, message, bound fields, fields, in that order and typed")
    func json() {
        let log = sink.logger().with(["role": "router", "id": .hex(0xAB)])
        log.info(
            "worker joined",
            [
                "worker": .text("10.0.0.7:4000"), "ranks": 4, "blocks": .unsigned(.max), "share": 0.25, "ready": true,
                "took": .duration(.microseconds(12_345)), "card": .size(2_048), "debt": .count(-1),
            ])
        #expect(
            sink.lines == [
                #"{"ts":"2026-03-01T12:00:00.123Z","level":"info","msg":"worker joined","role":"router","id":"00000000000000ab","#
                    + #""worker":"10.0.0.7:4000","ranks":4,"blocks":18446744073709551615,"share":0.25,"ready":true,"#
                    + #""took_ms":12.345,"card_bytes":2048,"debt":-1}"# + "\n"
            ])
    }

    @Test("numbers that JSON has no word for become strings")
    func notANumber() {
        sink.logger().info("m", ["a": .number(.nan), "b": .number(-.infinity), "c": .number(1e300)])
        #expect(sink.lines[0].hasSuffix(#""a":"NaN","b":"-Inf","c":1e+300}"# + "\n"))
    }

    @Test("for people a line is aligned and has units; only words stand without quotes")
    func readable() {
        let log = sink.logger(.readable(colours: false))
        log.warning(
            "slow peer", ["peer": "w-1/0", "name": "two words", "empty": "", "took": .duration(.milliseconds(5)), "sent": .size(9)])
        log.info("a message that is much longer than the column meant for messages", ["n": 1])
        #expect(
            sink.lines == [
                "2026-03-01 12:00:00.123 WARN  slow peer                                peer=w-1/0 name=\"two words\" empty=\"\" took=5ms sent=9B\n",
                "2026-03-01 12:00:00.123 INFO  a message that is much longer than the column meant for messages n=1\n",
            ])
    }

    @Test("colours are there only where asked for")
    func colours() {
        sink.logger(.readable(colours: true)).error("m")
        sink.logger(.readable(colours: false)).error("m")
        #expect(sink.lines[0].contains("\u{1B}[31m ERROR \u{1B}[0m"))
        #expect(!sink.lines[1].contains("\u{1B}"))
    }

    @Test("lines below the level are not written and their fields not built; the level may change for all children")
    func levels() {
        let log = sink.logger(level: .warning)
        let child = log.with(["id": 1])
        let built = Lock(0)
        func fields() -> LogFields {
            built.with { $0 += 1 }
            return [:]
        }
        child.trace("m", fields())
        child.debug("m", fields())
        child.info("m", fields())
        #expect(built.with { $0 } == 0)
        #expect(sink.lines.isEmpty)
        child.warning("m", fields())
        child.error("m", fields())
        #expect(sink.lines.count == 2)
        log.level = .trace
        #expect(child.level == .trace && child.isEnabled(.trace))
        child.trace("m", fields())
        #expect(sink.lines.count == 3)
        #expect(built.with { $0 } == 3)
    }

    @Test("every level has a name that reads back")
    func levelNames() {
        for level in LogLevel.allCases { #expect(LogLevel(name: level.name.description) == level) }
        #expect(LogLevel(name: "warn") == .warning)
        #expect(LogLevel(name: "INFO") == nil)
        #expect(LogLevel.allCases == LogLevel.allCases.sorted())
    }

    @Test("a field given again replaces the bound one, so that no key stands twice")
    func replacedField() {
        sink.logger().with(["id": 1, "role": "router"]).with(["id": 2]).info("m", ["id": 3, "n": 4])
        #expect(sink.lines[0].hasSuffix(#""msg":"m","role":"router","id":3,"n":4}"# + "\n"))
    }

    @Test("lines that found no room are counted and told before the next line that does")
    func dropped() {
        let metrics = MetricsRegistry()
        let log = sink.logger(metrics: metrics)
        log.info("first")
        sink.setFull(true)
        for _ in 0..<3 { log.info("lost") }
        sink.setFull(false)
        log.info("last")
        log.info("quiet again")
        let expected = [
            #""info","msg":"first"}"#, #""warning","msg":"log lines dropped","count":3}"#, #""info","msg":"last"}"#,
            #""info","msg":"quiet again"}"#,
        ]
        let written = sink.lines.map { String($0.dropFirst(#"{"ts":"2026-03-01T12:00:00.123Z","level":"#.count)) }
        #expect(written == expected.map { $0 + "\n" })
        let text = String(decoding: TextExposition.render(metrics), as: UTF8.self)
        #expect(text.contains("\napus_log_lines_dropped_total 3\n"))
    }

    @Test("threads that log at once write whole lines, each once")
    func concurrentLogging() {
        let log = sink.logger()
        onThreads(4) { thread in
            for number in 0..<250 { log.info("m", ["line": .count(thread * 250 + number)]) }
        }
        let expected = (0..<1_000).map { #"{"ts":"2026-03-01T12:00:00.123Z","level":"info","msg":"m","line":\#($0)}"# + "\n" }
        #expect(sink.lines.sorted() == expected.sorted())
    }
}
