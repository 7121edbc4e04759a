import ClusterModel
import EventLoop
import Telemetry

/// How late the loop runs what is due: a timer that does nothing else measures it.
@LoopActor
final class LoopDelay {
    private let loop: Loop
    private let delay: Histogram
    private let stalls: Counter
    private var timer: TimerHandle?

    /// The beat of the frontend's own stream, so that an idle process wakes no more often for it.
    private static let interval = Duration.milliseconds(250)
    /// Several engine steps: each stream of this frontend stood still for so long.
    private static let stall = Duration.milliseconds(100)

    init(registry: MetricsRegistry, on loop: Loop) {
        self.loop = loop
        delay = registry.histogram(
            registry.name("frontend_event_loop_delay_seconds"), help: "How much later than due a timer of the event loop ran.",
            buckets: Buckets.queueSeconds)
        stalls = registry.counter(
            registry.name("frontend_event_loop_stall_total"), help: "Timers of the event loop that ran more than 100 ms late.")
    }

    func start() {
        let step = Self.interval.inNanoseconds, due = Instant(nanoseconds: (loop.now.nanoseconds / step + 1) * step)
        timer = loop.schedule(at: due) { [weak self] in
            guard let self else { return }
            let late = max(due.duration(to: self.loop.preciseNow), .zero)
            self.delay.observeSeconds(late)
            if late > Self.stall { self.stalls.increment() }
            self.start()
        }
    }

    func stop() { loop.cancel(timer) }
}
