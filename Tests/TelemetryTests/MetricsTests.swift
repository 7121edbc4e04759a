import Telemetry
import Testing

@Suite struct MetricsTests {
    @Test("threads that count at once lose nothing")
    func concurrentCounting() {
        let registry = MetricsRegistry()
        let counter = registry.counter("events_total", help: "Events.")
        let steps = registry.counter("steps_total", help: "Steps.")
        let seconds = registry.counter("work_seconds_total", help: "Work.")
        let gauge = registry.gauge("level", help: "Level.")
        let histogram = registry.histogram("size", help: "Size.", buckets: [1, 2, 3])
        let threads = 4
        // One metric after the other in a tight loop that outlasts several slices of the scheduler: shorter ones may not overlap at all
        // on a busy machine, and then a counter that loses updates passes.
        let rounds = 2_000_000
        onThreads(threads) { _ in
            for _ in 0..<rounds { counter.increment() }
            for _ in 0..<rounds { steps.increment(by: 2) }
            for _ in 0..<rounds { seconds.add(0.25) }
            for _ in 0..<rounds { gauge.add(1) }
            for round in 0..<rounds { histogram.observe(Double(round % 4) + 1) }
        }
        let total = threads * rounds
        #expect(counter.value == Double(total))
        #expect(steps.value == Double(2 * total))
        #expect(seconds.value == 0.25 * Double(total))
        #expect(gauge.value == Double(total))
        let snapshot = histogram.snapshot()
        #expect(snapshot.cumulative == [1, 2, 3, 4].map { UInt64(total / 4 * $0) })
        #expect(snapshot.sum == Double(total / 4 * (1 + 2 + 3 + 4)))
    }

    @Test("threads that ask for the same series at once get one handle, and a scrape meanwhile is consistent")
    func concurrentSeries() {
        let registry = MetricsRegistry()
        let family = registry.histogramFamily("size", help: "Size.", labels: ["worker"], buckets: [1, 2, 3])
        let rounds = 2_000
        onThreads(4) { thread in
            for round in 0..<rounds {
                family.labels("w\((thread + round) % 3)").observe(Double(round % 4) + 1)
                guard thread == 0, round % 20 == 0 else { continue }
                let lines = String(decoding: TextExposition.render(registry), as: UTF8.self).split(separator: "\n")
                let infinite = lines.filter { $0.contains("+Inf") }.map { $0.split(separator: " ")[1] }
                let counts = lines.filter { $0.hasPrefix("size_count") }.map { $0.split(separator: " ")[1] }
                #expect(!counts.isEmpty && infinite == counts)
            }
        }
        let counted = ["w0", "w1", "w2"].map { family.labels($0).snapshot().count }.reduce(0, +)
        #expect(counted == UInt64(4 * rounds))
    }

    @Test("a value on a bound belongs to that bound's bucket, above the last one to +Inf")
    func bucketEdges() {
        let histogram = MetricsRegistry().histogram("h", help: "h", buckets: [0, 1, 2.5])
        for value in [-1, 0, 0.5, 1, 1.0.nextUp, 2.5, 2.5.nextUp, .infinity] { histogram.observe(value) }
        #expect(histogram.snapshot().cumulative == [2, 4, 6, 8])
        #expect(histogram.snapshot().count == 8)
    }

    @Test("an observation counts as often as told; not a number is left out")
    func repeatedObservation() {
        let histogram = MetricsRegistry().histogram("h", help: "h", buckets: [1])
        histogram.observe(0.5, times: 4)
        histogram.observe(.nan)
        histogram.observe(3, times: 0)
        #expect(histogram.snapshot() == HistogramSnapshot(bounds: [1], cumulative: [4, 4], sum: 2))
    }

    @Test("durations are observed in the unit of the name")
    func durations() {
        let registry = MetricsRegistry()
        let seconds = registry.histogram("a_seconds", help: "a", buckets: [1])
        let milliseconds = registry.histogram("a_ms", help: "a", buckets: [1])
        seconds.observeSeconds(.milliseconds(5))
        milliseconds.observeMilliseconds(.microseconds(1_250))
        #expect(seconds.snapshot().sum == 0.005)
        #expect(milliseconds.snapshot().sum == 1.25)
    }

    @Test("a histogram without bounds counts in +Inf alone")
    func noBounds() {
        let histogram = MetricsRegistry().histogram("h", help: "h", buckets: [])
        histogram.observe(7)
        #expect(histogram.snapshot() == HistogramSnapshot(bounds: [], cumulative: [1], sum: 7))
    }

    @Test("the same registration gives the same metric, also through another value of the registry")
    func registeredTwice() {
        let registry = MetricsRegistry()
        registry.counter("a_total", help: "A.").increment()
        registry.counter("a_total", help: "A.").increment()
        #expect(registry.counter("a_total", help: "A.").value == 2)
        let family = registry.histogramFamily("h", help: "H.", labels: ["model"], buckets: [1, 2])
        #expect(family === registry.histogramFamily("h", help: "H.", labels: ["model"], buckets: [1, 2]))
        #expect(family.labels("m") === family.labels("m"))
        let scoped = registry.adding([MetricLabel("pool", "decode")])
        #expect(scoped.gauge("g", help: "G.") === registry.adding([MetricLabel("pool", "decode")]).gauge("g", help: "G."))
    }

    @Test("a full family counts what it refuses and the refused handle is never shown")
    func seriesCap() {
        let registry = MetricsRegistry()
        let family = registry.counterFamily("by_model_total", help: "By model.", labels: ["model"], seriesLimit: 2)
        family.labels("a").increment()
        family.labels("b").increment()
        family.labels("c").increment(by: 100)
        family.labels("d").increment(by: 100)
        family.labels("a").increment()
        let text = String(decoding: TextExposition.render(registry), as: UTF8.self)
        #expect(
            text == """
                # HELP apus_metric_series_dropped_total Requests for a metric series refused because the family was full.
                # TYPE apus_metric_series_dropped_total counter
                apus_metric_series_dropped_total{family="by_model_total"} 2
                # HELP by_model_total By model.
                # TYPE by_model_total counter
                by_model_total{model="a"} 2
                by_model_total{model="b"} 1

                """)
        // Room that a removal makes is used again.
        #expect(family.remove("a"))
        family.labels("c").increment()
        #expect(family.labels("c").value == 1)
    }

    @Test("by default a family holds a thousand series")
    func defaultCap() {
        let registry = MetricsRegistry()
        let family = registry.gaugeFamily("g", help: "G.", labels: ["n"])
        for number in 0..<1_005 { family.labels("\(number)").set(1) }
        let lines = String(decoding: TextExposition.render(registry), as: UTF8.self).split(separator: "\n")
        #expect(lines.count { $0.hasPrefix("g{") } == 1_000)
        #expect(lines.contains(#"apus_metric_series_dropped_total{family="g"} 5"#))
    }

    @Test("series leave one by one or all that share a label value")
    func removal() {
        let registry = MetricsRegistry()
        let family = registry.gaugeFamily("load", help: "Load.", labels: ["worker_id", "dp_rank"])
        for worker in ["1", "2"] { for rank in ["0", "1", "none"] { family.labels(worker, rank).set(1) } }
        #expect(family.removeAll(where: "worker_id", is: "1") == 3)
        #expect(family.removeAll(where: "worker_id", is: "1") == 0)
        #expect(family.remove("2", "none"))
        #expect(!family.remove("2", "none"))
        let lines = String(decoding: TextExposition.render(registry), as: UTF8.self).split(separator: "\n")
        #expect(lines.suffix(2) == [#"load{dp_rank="0",worker_id="2"} 1"#, #"load{dp_rank="1",worker_id="2"} 1"#])
        #expect(lines.count == 4)
    }

    @Test("names follow the alphabet of Prometheus")
    func names() {
        for name in ["a", "_a", "a:b", "A9_"] { #expect(MetricName.isValid(name)) }
        for name in ["", "9a", "a-b", "a b", "é", "a\n", "a{", "a@", "a["] { #expect(!MetricName.isValid(name)) }
        for label in ["a", "_a", "dp_rank"] { #expect(MetricName.isValidLabel(label)) }
        for label in ["", "a:b", "__name__", "9", "a-b"] { #expect(!MetricName.isValidLabel(label)) }
        #expect(MetricName.sanitized("my-team.prod") == "my_team_prod")
        #expect(MetricName.sanitized("9lives") == "_9lives")
        #expect(MetricName.sanitized("é\n") == "__")
        #expect(MetricName.sanitized("") == "_")
    }

    // MARK: Our own mistakes trap

    @Test("a name registered with another kind traps")
    func otherKind() async {
        await #expect(processExitsWith: .failure) {
            let registry = MetricsRegistry()
            _ = registry.counter("a", help: "A.")
            _ = registry.gauge("a", help: "A.")
        }
    }

    @Test("a histogram registered with other buckets traps")
    func otherBuckets() async {
        await #expect(processExitsWith: .failure) {
            let registry = MetricsRegistry()
            _ = registry.histogram("a", help: "A.", buckets: [1])
            _ = registry.histogram("a", help: "A.", buckets: [2])
        }
    }

    @Test("a wrong name, a label twice, the label le and bounds that do not rise trap")
    func wrongShapes() async {
        await #expect(processExitsWith: .failure) { _ = MetricsRegistry().counter("a-b", help: "A.") }
        await #expect(processExitsWith: .failure) { _ = MetricsRegistry().counterFamily("a", help: "A.", labels: ["x", "x"]) }
        await #expect(processExitsWith: .failure) { _ = MetricsRegistry(constantLabels: [MetricLabel("9", "")]) }
        await #expect(processExitsWith: .failure) { _ = MetricsRegistry().histogramFamily("a", help: "A.", labels: ["le"], buckets: [1]) }
        await #expect(processExitsWith: .failure) { _ = MetricsRegistry().histogram("a", help: "A.", buckets: [1, 1]) }
    }

    @Test("a metric that would print a histogram's sample names traps")
    func clashingNames() async {
        await #expect(processExitsWith: .failure) {
            let registry = MetricsRegistry()
            _ = registry.histogram("a", help: "A.", buckets: [1])
            _ = registry.counter("a_count", help: "A.")
        }
        await #expect(processExitsWith: .failure) {
            let registry = MetricsRegistry()
            _ = registry.counter("a_sum", help: "A.")
            _ = registry.histogram("a", help: "A.", buckets: [1])
        }
    }

    @Test("a counter does not go down")
    func counterGoesUp() async {
        await #expect(processExitsWith: .failure) { MetricsRegistry().counter("a", help: "A.").increment(by: -1) }
        await #expect(processExitsWith: .failure) { MetricsRegistry().counter("a", help: "A.").add(-0.5) }
    }
}
