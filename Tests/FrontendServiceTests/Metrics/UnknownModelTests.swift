import ClusterModel
import HTTPClient
import Testing
import WireProtocol

@testable import FrontendService

@Suite("What clients write is no label")
struct UnknownModelTests {
    private static func series(_ lines: [String]) -> Set<String> {
        Set(lines.filter { !$0.hasPrefix("#") }.map { String($0[..<($0.lastIndex(of: " ") ?? $0.endIndex)]) })
    }

    @Test("T44, L12: 100,000 requests with 10,000 unknown model names leave the set of series unchanged")
    func direct() {
        let bed = MetricsBed()
        bed.know()
        _ = bed.request()
        // The constant value has its series from the first such request on.
        bed { $0.refused(.chatCompletions, status: 404) }
        let before = Self.series(bed.lines(""))
        bed { metrics in
            let cluster = ClusterView()
            for number in 0..<100_000 {
                #expect(cluster.card(named: "stranger-\(number % 10_000)") == nil)
                metrics.refused(.chatCompletions, status: 404)
            }
        }
        #expect(Self.series(bed.lines("")) == before)
        let labels = #"endpoint="chat_completions",error_type="not_found",model="unknown",request_type="unary",status="error""#
        #expect(bed.value("dynamo_frontend_requests_total{\(labels)}") == 100_001)
    }

    @Test("a request that is turned away after its model was found counts as the model's, as it was to be delivered")
    func refusedAfterItsModel() {
        let scene = Scene(workers: 1)
        scene.finish(scene.chat())
        #expect(scene.finish(scene.chat(#","max_tokens":1000000"#)).status == 400)
        scene.pass(.milliseconds(1_100))
        let labels = #"endpoint="chat_completions",error_type="validation",model="tiny",request_type="stream",status="error""#
        #expect(scene.metric("dynamo_frontend_requests_total{\(labels)}") == 1)
        #expect(scene.metric(#"dynamo_frontend_inflight_requests{model="tiny"}"#) == 0)
        #expect(scene.metric(#"dynamo_frontend_queued_requests{model="tiny"}"#) == 0)
    }

    @Test("models beyond what a frontend serves share one name, and their series do not grow")
    func models() {
        let bed = MetricsBed()
        for number in 0..<ModelMetrics.mostModels + 500 { _ = bed.request(model: "card-\(number)") }
        let inflight = bed.lines("dynamo_frontend_inflight_requests{")
        #expect(inflight.count == ModelMetrics.mostModels + 1)
        #expect(bed.value(#"dynamo_frontend_inflight_requests{model="other"}"#) == 500)
        #expect(bed.lines("apus_metric_series_dropped_total{").isEmpty)
    }

    @Test("T44: over HTTP, requests for a thousand models that do not exist add one series, and none of their names is in a scrape")
    func overHTTP() {
        let scene = Scene(workers: 1)
        scene.finish(scene.chat())
        scene.pass(.milliseconds(1_100))
        func ask(_ name: String) -> Scene.Client {
            scene.send(
                .post("/v1/chat/completions", json: Array(#"{"model":"\#(name)","messages":[{"role":"user","content":"hi"}]}"#.utf8)))
        }
        #expect(scene.finish(ask("stranger-0")).status == 404)
        let before = Self.series(scene.exposition)
        for number in 1...1_000 { #expect(scene.finish(ask("stranger-\(number)")).status == 404) }
        scene.pass(.milliseconds(1_100))
        #expect(Self.series(scene.exposition) == before)
        #expect(!scene.exposition.contains { $0.contains("stranger") })
        let total = scene.exposition.filter { $0.hasPrefix("dynamo_frontend_requests_total{") && $0.contains(#"model="unknown""#) }
        #expect(total.count == 1 && total[0].hasSuffix(" 1001"))
    }
}
