import ClusterModel
import EventLoop
import Telemetry
import WireProtocol

@testable import FrontendService

/// A frontend's metrics without a frontend, on a loop that stands still.
final class MetricsBed {
    let registry: MetricsRegistry
    private let world = VirtualWorld(seed: 1)
    private let loop: VirtualLoop
    private let metrics: FrontendMetrics

    init(namespace: String = "dynamo") {
        let registry = MetricsRegistry(namespace: namespace), loop = world.makeLoop("frontend")
        self.registry = registry
        self.loop = loop
        metrics = loop.perform { FrontendMetrics(registry: registry, cluster: "test") }
    }

    @discardableResult
    func callAsFunction<Result>(_ body: @LoopActor (FrontendMetrics) -> Result) -> Result {
        let metrics = metrics
        return loop.perform { body(metrics) }
    }

    /// What a scrape shows.
    var exposition: String { String(decoding: TextExposition.render(registry), as: UTF8.self) }

    /// Its lines that begin so.
    func lines(_ prefix: String) -> [String] {
        exposition.split(separator: "\n").filter { $0.hasPrefix(prefix) }.map(String.init)
    }

    /// The value of one sample; nil if it is not shown.
    func value(_ sample: String) -> Double? {
        lines(sample + " ").first.flatMap { Double($0.dropFirst(sample.count + 1)) }
    }

    // MARK: What there is

    static let pool = Scene.card().digest

    /// Makes a router with a pool known.
    func know(router: UInt64 = 7, pool: Digest = MetricsBed.pool, name: String = "tiny") {
        self { $0.pools.follow([(router, [(pool, name)])], at: .zero) }
    }

    static func plan(router: UInt64 = 7, device: UInt32 = 3, of blocks: UInt32 = 4, pool: Digest = MetricsBed.pool) -> PlanEntry {
        var plan = PlanEntry(), leg = PlanLeg()
        plan.routerID = router
        plan.pool = pool
        plan.promptBlocks = blocks
        leg.deviceBlocks = device
        plan.legs = [leg]
        return plan
    }

    func request(
        model: String = "tiny", _ endpoint: EndpointLabel = .chatCompletions, isStreamed: Bool = true, isQuestion: Bool = false
    ) -> RequestMeter {
        self { $0.request(endpoint, model: model, isStreamed: isStreamed, isQuestion: isQuestion, receivedAt: .zero) }
    }

    /// Meters live on the loop.
    func on<Result>(_ meter: RequestMeter, _ body: @LoopActor (RequestMeter) -> Result) -> Result { loop.perform { body(meter) } }

    static func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

    static let routerLabels = #"dynamo_component="tiny",dynamo_namespace="test",pool="\#(pool.hex.prefix(8))",router_id="7""#
}

extension RequestMeter.End {
    init(_ status: Int, at milliseconds: Int64, _ change: (inout RequestMeter.End) -> Void = { _ in }) {
        self.init(status: status, at: MetricsBed.at(milliseconds))
        change(&self)
    }
}
