import EventLoop
import RequestTracking
import Telemetry

/// The histograms of the stages, looked up once.
@LoopActor
final class StageSeries {
    private let series: [Histogram]

    init(_ metrics: StageMetrics) { series = StageTimes().all.map { metrics.series(tracked: $0.name) } }

    /// Those that happened.
    func observe(_ stages: StageTimes) {
        for (histogram, stage) in zip(series, stages.all) {
            if let span = stage.span { histogram.observeSeconds(span) }
        }
    }
}
