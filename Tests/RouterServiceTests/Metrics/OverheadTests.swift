import Telemetry
import Testing
import WireProtocol

@testable import RouterService

@Suite("What routing costs, by phase")
struct OverheadTests {
    private static let names = ["block_hashing", "indexer_find_matches", "scheduling", "seq_hashing", "total"]

    private func shown(_ readings: [(block: UInt32, sequence: UInt32, RoutingOverhead.Reading)]) -> [String] {
        let registry = MetricsRegistry(), overhead = RoutingOverhead(registry: registry, router: 170)
        for (block, sequence, reading) in readings {
            var entry = RouteEntry()
            entry.blockHashNanoseconds = block
            entry.sequenceHashNanoseconds = sequence
            overhead.observe(entry, reading)
        }
        return String(decoding: TextExposition.render(registry), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private func sum(_ phase: String, _ lines: [String]) -> String? {
        let start = #"dynamo_router_overhead_\#(phase)_ms_sum{router_id="170"} "#
        return lines.first { $0.hasPrefix(start) }.map { String($0.dropFirst(start.count)) }
    }

    @Test("after one request each phase has its help, its kind, the router's id, and a count of 1", arguments: names)
    func exposition(_ phase: String) {
        let lines = shown([(1_000_000, 500_000, .init(found: .microseconds(2), decided: .microseconds(5)))])
        let help = [
            "block_hashing": "Time spent computing block hashes in milliseconds",
            "indexer_find_matches": "Time spent in indexer find_matches in milliseconds",
            "scheduling": "Time spent in scheduler worker selection in milliseconds",
            "seq_hashing": "Time spent computing sequence hashes in milliseconds",
            "total": "Total routing overhead per request in milliseconds",
        ]
        #expect(lines.contains("# HELP dynamo_router_overhead_\(phase)_ms \(help[phase] ?? "")"))
        #expect(lines.contains("# TYPE dynamo_router_overhead_\(phase)_ms histogram"))
        #expect(lines.contains(#"dynamo_router_overhead_\#(phase)_ms_count{router_id="170"} 1"#))
        let bounds = lines.filter { $0.hasPrefix("dynamo_router_overhead_\(phase)_ms_bucket") }
        #expect(bounds.count == 19 && bounds[0].contains(#"le="0.0001""#) && bounds[17].contains(#"le="13.1072""#))
    }

    @Test("the phases are what the frontend said of hashing, and the router's own time cut in two; together they are the total")
    func sums() {
        let lines = shown([(1_000_000, 500_000, .init(found: .microseconds(2), decided: .microseconds(5)))])
        #expect(Self.names.map { sum($0, lines) } == ["1", "0.002", "0.003", "0.5", "1.505"])
    }

    @Test("readings out of order count as no time, and trap nothing")
    func outOfOrder() {
        let lines = shown([
            (10_000_000, 5_000_000, .init(found: .milliseconds(3), decided: .milliseconds(1))),
            (0, 0, .init(found: .milliseconds(-3), decided: .milliseconds(-4))),
        ])
        #expect(sum("scheduling", lines) == "0")
        #expect(sum("indexer_find_matches", lines) == "3")
        #expect(sum("total", lines) == "16")
        #expect(lines.contains(#"dynamo_router_overhead_total_ms_count{router_id="170"} 2"#))
    }

    @Test("all phases are there with zeros before the first request, and count each placement once")
    func router() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = world.readyWorker(1)
        func counts() -> [Bool] {
            Self.names.map { world.exposition.contains(#"dynamo_router_overhead_\#($0)_ms_count{router_id="170"} 2"#) }
        }
        #expect(world.exposition.contains(#"dynamo_router_overhead_total_ms_count{router_id="170"} 0"#))
        _ = world.plan(frontend) { $0.blockHashNanoseconds = 1_000 }
        _ = world.plan(frontend) { $0.blockHashNanoseconds = 1_000 }
        _ = world.plan(frontend) { $0.model = "nobody's" }
        #expect(counts() == Self.names.map { _ in true })
        #expect(world.exposition.contains(#"dynamo_router_overhead_block_hashing_ms_sum{router_id="170"} 0.002"#))
    }
}
