import Concurrency
import Telemetry

/// Keeps lines; takes none while it is full.
final class CapturingSink: LogSink {
    private struct State {
        var lines: [[UInt8]] = []
        var isFull = false
    }

    private let state = Lock(State())

    var lines: [String] { rawLines.map { String(decoding: $0, as: UTF8.self) } }
    var rawLines: [[UInt8]] { state.with { $0.lines } }

    func setFull(_ isFull: Bool) { state.with { $0.isFull = isFull } }

    func write(_ line: [UInt8]) -> Bool {
        state.with { state in
            if !state.isFull { state.lines.append(line) }
            return !state.isFull
        }
    }
}

/// 2026-03-01T12:00:00.123Z
let testTime: Int64 = 1_772_366_400_123

extension CapturingSink {
    func logger(_ style: LogStyle = .json, level: LogLevel = .info, metrics: MetricsRegistry = MetricsRegistry()) -> Logger {
        Logger(level: level, style: style, sink: self, metrics: metrics) { testTime }
    }
}
