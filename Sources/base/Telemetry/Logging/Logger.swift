import Synchronization

/// Log lines of one process: a fixed message and typed fields.
///
/// The message is a literal, so that nothing a user sent can become one; what varies goes into fields, which are ids, sizes and durations.
/// A logger is a cheap value: children share level and output and add fields of their own. A line below the level costs one atomic load;
/// its fields are not even built. Any thread may log.
package struct Logger: Sendable {
    private let output: LogOutput
    private let bound: LogFields

    /// `wallClock` gives milliseconds since 1970 UTC: the system's in a process, the virtual one in a simulation.
    package init(
        level: LogLevel = .info, style: LogStyle, sink: any LogSink, metrics: MetricsRegistry,
        wallClock: @escaping @Sendable () -> Int64
    ) {
        output = LogOutput(level: level, style: style, sink: sink, metrics: metrics, wallClock: wallClock)
        bound = [:]
    }

    private init(output: LogOutput, bound: LogFields) {
        self.output = output
        self.bound = bound
    }

    /// A logger whose lines all carry these fields: role, id. A field of the same name in a line counts instead.
    package func with(_ fields: LogFields) -> Logger { Logger(output: output, bound: bound.adding(fields)) }

    /// Shared with all children; may change at any time.
    package var level: LogLevel {
        get { output.level }
        nonmutating set { output.level = newValue }
    }

    package func isEnabled(_ level: LogLevel) -> Bool { level >= output.level }

    package func log(_ level: LogLevel, _ message: StaticString, _ fields: @autoclosure () -> LogFields = [:]) {
        guard isEnabled(level) else { return }
        message.withUTF8Buffer { output.write(level, $0, bound.adding(fields())) }
    }

    package func trace(_ message: StaticString, _ fields: @autoclosure () -> LogFields = [:]) { log(.trace, message, fields()) }

    package func debug(_ message: StaticString, _ fields: @autoclosure () -> LogFields = [:]) { log(.debug, message, fields()) }

    /// For the few lines whose message other programs read by its shape: made of literals, ids and numbers of our own, never of what a user sent.
    package func debug(composed message: @autoclosure () -> String, _ fields: @autoclosure () -> LogFields = [:]) {
        guard isEnabled(.debug) else { return }
        var message = message()
        message.withUTF8 { output.write(.debug, $0, bound.adding(fields())) }
    }

    package func info(_ message: StaticString, _ fields: @autoclosure () -> LogFields = [:]) { log(.info, message, fields()) }

    package func warning(_ message: StaticString, _ fields: @autoclosure () -> LogFields = [:]) { log(.warning, message, fields()) }

    package func error(_ message: StaticString, _ fields: @autoclosure () -> LogFields = [:]) { log(.error, message, fields()) }
}

/// What all loggers of a process share. Lines that the sink could not take are counted and reported once it takes lines again.
private final class LogOutput: Sendable {
    private let threshold: Atomic<UInt8>
    private let style: LogStyle
    private let sink: any LogSink
    private let wallClock: @Sendable () -> Int64
    private let droppedLines: Counter
    private let unreported = Atomic<Int>(0)

    init(level: LogLevel, style: LogStyle, sink: any LogSink, metrics: MetricsRegistry, wallClock: @escaping @Sendable () -> Int64) {
        threshold = Atomic(level.rawValue)
        self.style = style
        self.sink = sink
        self.wallClock = wallClock
        droppedLines = metrics.counter("apus_log_lines_dropped_total", help: "Log lines lost because standard error could not take them.")
    }

    var level: LogLevel {
        get { LogLevel(rawValue: threshold.load(ordering: .relaxed)) ?? .info }
        set { threshold.store(newValue.rawValue, ordering: .relaxed) }
    }

    func write(_ level: LogLevel, _ message: UnsafeBufferPointer<UInt8>, _ fields: LogFields) {
        let time = wallClock()
        guard reportDropped(at: time), sink.write(line(level, message, at: time, fields)) else {
            droppedLines.increment()
            unreported.wrappingAdd(1, ordering: .relaxed)
            return
        }
    }

    /// False while the sink still takes nothing.
    private func reportDropped(at time: Int64) -> Bool {
        guard unreported.load(ordering: .relaxed) > 0 else { return true }
        let count = unreported.exchange(0, ordering: .relaxed)
        guard count > 0 else { return true }  // another thread reports
        let lost: StaticString = "log lines dropped"
        if lost.withUTF8Buffer({ sink.write(line(.warning, $0, at: time, ["count": .count(count)])) }) { return true }
        unreported.wrappingAdd(count, ordering: .relaxed)
        return false
    }

    private func line(_ level: LogLevel, _ message: UnsafeBufferPointer<UInt8>, at time: Int64, _ fields: LogFields) -> [UInt8] {
        LogLine(style: style, level: level, message: message, atMilliseconds: time, fields: fields).bytes
    }
}
