import Glibc
@testable import Telemetry
import Testing

@Suite struct DescriptorSinkTests {
    @Test("a full pipe loses lines instead of holding the caller, and the loss is told when there is room again")
    func fullPipe() throws {
        let pipe = try Pipe()
        let metrics = MetricsRegistry()
        let log = Logger(style: .json, sink: DescriptorSink(descriptor: pipe.writeEnd), metrics: metrics) { testTime }
        let text = String(repeating: "x", count: 500)
        for _ in 0..<1_000 { log.info("m", ["a": .text(text)]) }  // a pipe holds 64 KiB: most of these find no room
        let written = pipe.drain().split(separator: "\n")
        #expect(written.count > 10 && written.count < 1_000)
        #expect(written.allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("}") })
        log.info("after")
        let after = pipe.drain().split(separator: "\n")
        #expect(after.count == 2)
        #expect(after[0].hasSuffix(#""msg":"log lines dropped","count":\#(1_000 - written.count)}"#))
        #expect(after[1].hasSuffix(#""msg":"after"}"#))
        let exposition = String(decoding: TextExposition.render(metrics), as: UTF8.self)
        #expect(exposition.contains("\napus_log_lines_dropped_total \(1_000 - written.count)\n"))
    }

    @Test("a pipe that nobody reads any more loses the line without a signal")
    func closedPipe() throws {
        let pipe = try Pipe()
        pipe.closeReadEnd()
        #expect(!DescriptorSink(descriptor: pipe.writeEnd).write([UInt8(ascii: "\n")]))
    }

    @Test("a descriptor that is not open loses the line")
    func notOpen() {
        #expect(!DescriptorSink(descriptor: -1).write([UInt8(ascii: "\n")]))
    }

    @Test("JSON unless it is a terminal; colours unless NO_COLOR is set and not empty")
    func style() throws {
        #expect(LogStyle.choose(isTerminal: false, noColor: nil, terminal: "xterm") == .json)
        #expect(LogStyle.choose(isTerminal: true, noColor: nil, terminal: "xterm") == .readable(colours: true))
        #expect(LogStyle.choose(isTerminal: true, noColor: "", terminal: nil) == .readable(colours: true))
        #expect(LogStyle.choose(isTerminal: true, noColor: "1", terminal: "xterm") == .readable(colours: false))
        #expect(LogStyle.choose(isTerminal: true, noColor: nil, terminal: "dumb") == .readable(colours: false))
        let pipe = try Pipe()
        #expect(LogStyle.detected(for: pipe.writeEnd) == .json)
    }
}

/// A pipe whose ends close with it.
private final class Pipe {
    struct Failure: Error {}

    let writeEnd: Int32
    private var readEnd: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Failure() }
        (readEnd, writeEnd) = (ends[0], ends[1])
    }

    deinit {
        closeReadEnd()
        close(writeEnd)
    }

    func closeReadEnd() {
        if readEnd >= 0 { close(readEnd) }
        readEnd = -1
    }

    /// All that is in the pipe now.
    func drain() -> String {
        var waiting: Int32 = 0
        guard ioctl(readEnd, UInt(FIONREAD), &waiting) == 0 else { return "" }
        var bytes = [UInt8](repeating: 0, count: Int(waiting))
        let count = read(readEnd, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    }
}
