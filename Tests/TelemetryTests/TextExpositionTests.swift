import Telemetry
import Testing

@Suite struct TextExpositionTests {
    @Test("a scrape is exact: families by name, series by label values, labels by name, le last")
    func golden() {
        let registry = MetricsRegistry(constantLabels: [MetricLabel("dynamo_namespace", "test")])
        let latency = registry.histogramFamily(
            "latency_seconds", help: "Latency.", labels: ["model", "endpoint"], buckets: [0, 0.0022, 0.00001, 100].sorted())
        let decode = registry.gaugeFamily(
            "dynamo_frontend_worker_active_decode_blocks", help: "Active KV cache decode blocks per worker",
            labels: ["worker_id", "dp_rank", "worker_type"])
        let requests = registry.counter("requests_total", help: "Total.")
        _ = registry.gauge("idle", help: "Zero from the start.")
        _ = registry.counterFamily("empty_total", help: "No series, no lines.", labels: ["model"])
        decode.labels("9", "0", "decode").set(42)
        decode.labels("123", "1", "decode").set(-1.5)
        decode.labels("123", "0", "decode").set(7)
        requests.increment(by: 3)
        latency.labels("m", "chat").observe(0.0022)
        latency.labels("m", "chat").observe(250)
        #expect(
            render(registry) == """
                # HELP dynamo_frontend_worker_active_decode_blocks Active KV cache decode blocks per worker
                # TYPE dynamo_frontend_worker_active_decode_blocks gauge
                dynamo_frontend_worker_active_decode_blocks{dp_rank="0",dynamo_namespace="test",worker_id="123",worker_type="decode"} 7
                dynamo_frontend_worker_active_decode_blocks{dp_rank="0",dynamo_namespace="test",worker_id="9",worker_type="decode"} 42
                dynamo_frontend_worker_active_decode_blocks{dp_rank="1",dynamo_namespace="test",worker_id="123",worker_type="decode"} -1.5
                # HELP idle Zero from the start.
                # TYPE idle gauge
                idle{dynamo_namespace="test"} 0
                # HELP latency_seconds Latency.
                # TYPE latency_seconds histogram
                latency_seconds_bucket{dynamo_namespace="test",endpoint="chat",model="m",le="0"} 0
                latency_seconds_bucket{dynamo_namespace="test",endpoint="chat",model="m",le="1e-05"} 0
                latency_seconds_bucket{dynamo_namespace="test",endpoint="chat",model="m",le="0.0022"} 1
                latency_seconds_bucket{dynamo_namespace="test",endpoint="chat",model="m",le="100"} 1
                latency_seconds_bucket{dynamo_namespace="test",endpoint="chat",model="m",le="+Inf"} 2
                latency_seconds_sum{dynamo_namespace="test",endpoint="chat",model="m"} 250.0022
                latency_seconds_count{dynamo_namespace="test",endpoint="chat",model="m"} 2
                # HELP requests_total Total.
                # TYPE requests_total counter
                requests_total{dynamo_namespace="test"} 3

                """)
    }

    @Test("a metric without labels has no braces, its buckets only le")
    func unlabelled() {
        let registry = MetricsRegistry()
        registry.histogram("h", help: "H.", buckets: [1]).observe(1)
        #expect(
            render(registry) == """
                # HELP h H.
                # TYPE h histogram
                h_bucket{le="1"} 1
                h_bucket{le="+Inf"} 1
                h_sum 1
                h_count 1

                """)
    }

    @Test("backslash and newline are escaped in help, quotes too in label values; nothing can forge a line")
    func escaping() {
        let registry = MetricsRegistry()
        let family = registry.gaugeFamily("g", help: "A \"quoted\" \\ and\nbroken help", labels: ["model"])
        family.labels("a\"} 1\ng{model=\"b\\ é\t").set(1)
        #expect(
            render(registry) == #"""
                # HELP g A "quoted" \\ and\nbroken help
                # TYPE g gauge
                g{model="a\"} 1\ng{model=\"b\\ é	"} 1

                """#)
    }

    @Test(
        "numbers print as the shortest text that reads back, whole ones without .0",
        arguments: [
            (0.0, "0"), (-0.0, "0"), (1, "1"), (-3, "-3"), (0.0022, "0.0022"), (0.1 + 0.2, "0.30000000000000004"), (1e-5, "1e-05"),
            (130_000, "130000"), (430_467.21, "430467.21"), (9_007_199_254_740_991, "9007199254740991"), (1e22, "1e+22"),
            (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"), (.leastNonzeroMagnitude, "5e-324"),
        ])
    func numbers(_ value: Double, _ expected: String) {
        let registry = MetricsRegistry()
        registry.gauge("g", help: "G.").set(value)
        #expect(render(registry) == "# HELP g G.\n# TYPE g gauge\ng \(expected)\n")
    }

    @Test("a counter of events stays exact where a Double would not, and takes fractions")
    func counters() {
        let registry = MetricsRegistry()
        let events = registry.counter("a_total", help: "A.")
        events.increment(by: 9_007_199_254_740_992)
        events.increment()
        let seconds = registry.counter("b_total", help: "B.")
        seconds.add(0.5)
        seconds.increment()
        #expect(render(registry).contains("\na_total 9007199254740993\n"))
        #expect(render(registry).contains("\nb_total 1.5\n"))
    }

    @Test("the buffer is used again and holds the new scrape alone")
    func reuse() {
        let registry = MetricsRegistry()
        let gauge = registry.gauge("g", help: "G.")
        var text = TextExposition()
        text.append(registry)
        gauge.set(5)
        text.clear()
        text.append(registry)
        #expect(text.bytes == TextExposition.render(registry))
        #expect(TextExposition.contentType == "text/plain; version=0.0.4; charset=utf-8")
    }

    private func render(_ registry: MetricsRegistry) -> String { String(decoding: TextExposition.render(registry), as: UTF8.self) }
}
