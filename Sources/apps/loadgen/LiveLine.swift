import ClusterModel
import EventLoop
import LoadGeneration
import ServiceRuntime

/// One line on a terminal that says how a run goes, written anew once a second.
@LoopActor
final class LiveLine {
    private let run: LoadRun
    private let loop: Loop
    private var timer: TimerHandle?
    private var before = LoadProgress()
    private var beforeAt: Instant

    init(_ run: LoadRun, on loop: Loop) {
        self.run = run
        self.loop = loop
        beforeAt = loop.now
        tick()
    }

    /// The line goes, for what is printed next.
    func close() {
        loop.cancel(timer)
        timer = nil
        StandardStreams.complain("\r\u{1B}[K")
    }

    private func tick() {
        timer = loop.schedule(after: .seconds(1)) { [weak self] in
            self?.write()
            self?.tick()
        }
    }

    private func write() {
        let now = loop.preciseNow, progress = run.progress, seconds = Double(beforeAt.duration(to: now).inNanoseconds) / 1e9
        let tokens = Double(progress.outputTokens - before.outputTokens) / seconds
        let requests = Double(progress.ended - before.ended) / seconds
        let first = run.takeRecentFirstTokens()
        var text = "\(decimals(Double(run.elapsed.inMilliseconds) / 1_000, 0))s  sent \(progress.sent)  done \(progress.complete)"
        text += "  failed \(progress.failed)  in flight \(progress.inFlight)  \(decimals(requests, 1)) req/s  \(decimals(tokens, 0)) tok/s"
        if let middle = first.percentile(50), let late = first.percentile(99) {
            text += "  ttft p50 \(milliseconds(middle)) p99 \(milliseconds(late)) ms"
        }
        // No wrapping on a usual terminal: a line that wraps cannot be written anew.
        StandardStreams.complain("\r\u{1B}[K\u{1B}[?7l\(text)\u{1B}[?7h")
        before = progress
        beforeAt = now
    }

    private func milliseconds(_ duration: Duration) -> String { decimals(Double(duration.inNanoseconds) / 1e6, 1) }
}
