import ClusterModel
import EventLoop
import RequestTracking
import Testing
import WireProtocol

@testable import FrontendService

@Suite("Series come with workers, pools and routers, and go with them")
struct ClusterMetricsTests {
    private func entry(_ id: UInt64, generation: UInt64 = 1, _ change: (inout WorkerEntry) -> Void = { _ in }) -> WorkerEntry {
        var entry = WorkerEntry()
        entry.workerID = id
        entry.generation = generation
        entry.state = .ready
        for number in 0..<4 as Range<UInt32> {
            var rank = RankCapacity()
            rank.rank = number
            entry.ranks.append(rank)
        }
        change(&entry)
        return entry
    }

    private func key(_ worker: UInt64, _ rank: UInt32?, _ type: WorkerType = .decode) -> WorkerMetrics.Key {
        WorkerMetrics.Key(worker: worker, rank: rank, type: type)
    }

    private func action(_ gauge: GaugeAction.Gauge, _ key: WorkerMetrics.Key) -> GaugeAction {
        GaugeAction(gauge: gauge, worker: WorkerID(key.worker), rank: key.rank.map(Rank.init), workerType: key.type, value: 0.5)
    }

    @Test("the load of a worker reads as dashboards know it, to the byte")
    func exposition() {
        let bed = MetricsBed(), entry = entry(123), key = key(123, 0)
        bed {
            $0.workers.follow([entry])
            $0.workers.show(key, activeBlocks: 42, prefillTokens: 100)
        }
        #expect(
            bed.exposition.split(separator: "\n").filter { $0.contains("_worker_") && !$0.contains("apus_") }.joined(separator: "\n") == """
                # HELP dynamo_frontend_worker_active_decode_blocks Active KV cache decode blocks per worker
                # TYPE dynamo_frontend_worker_active_decode_blocks gauge
                dynamo_frontend_worker_active_decode_blocks{dp_rank="0",worker_id="123",worker_type="decode"} 42
                # HELP dynamo_frontend_worker_active_prefill_tokens Active prefill tokens queued per worker
                # TYPE dynamo_frontend_worker_active_prefill_tokens gauge
                dynamo_frontend_worker_active_prefill_tokens{dp_rank="0",worker_id="123",worker_type="decode"} 100
                """)
    }

    @Test("a worker that leaves takes the gauges of all its ranks along, also those of no rank, and nobody else's")
    func leaves() {
        let bed = MetricsBed(), both = [entry(1), entry(2)]
        let keys = [key(1, 0), key(1, 1), key(1, nil, .prefill), key(2, 0), key(2, nil)]
        bed { metrics in
            metrics.workers.follow(both)
            for key in keys {
                if key.rank != nil { metrics.workers.show(key, activeBlocks: 1, prefillTokens: 1) }
                for gauge in GaugeAction.Gauge.allCases { metrics.workers.show(action(gauge, key)) }
            }
        }
        #expect(bed.lines("dynamo_frontend_worker_").count { $0.contains(#"worker_id="1""#) } == 13)
        let labels = #"dp_rank="none",worker_id="1",worker_type="prefill""#
        #expect(bed.value("dynamo_frontend_worker_last_time_to_first_token_seconds{\(labels)}") == 0.5)
        bed { $0.workers.follow([both[1]]) }
        #expect(bed.lines("dynamo_frontend_worker_").count { $0.contains(#"worker_id="1""#) } == 0)
        #expect(bed.lines("dynamo_frontend_worker_").count { $0.contains(#"worker_id="2""#) } == 8)
        // A word that comes late brings nothing back.
        bed { $0.workers.show(action(.lastTimeToFirstTokenSeconds, keys[0])) }
        #expect(bed.lines("dynamo_frontend_worker_").count { $0.contains(#"worker_id="1""#) } == 0)
    }

    @Test("another life of a worker begins without the ranks of the one before")
    func anotherLife() {
        let bed = MetricsBed(), old = entry(1), new = entry(1, generation: 2), first = key(1, 0), second = key(1, 1)
        bed {
            $0.workers.follow([old])
            $0.workers.show(first, activeBlocks: 1, prefillTokens: 1)
            $0.workers.show(second, activeBlocks: 1, prefillTokens: 1)
            $0.workers.follow([old, new])
        }
        #expect(bed.lines("dynamo_frontend_worker_active_decode_blocks{").count == 2)
        bed {
            $0.workers.follow([new])
            $0.workers.show(first, activeBlocks: 1, prefillTokens: 1)
        }
        #expect(bed.lines("dynamo_frontend_worker_active_decode_blocks{").count == 1)
    }

    @Test("L20: each router and pool has a labelled set of its own, also two cards of one name, and what one counts the others do not")
    func sets() {
        let bed = MetricsBed(), other = Scene.card { $0.weights = "others" }.digest
        bed { $0.pools.follow([(7, [(MetricsBed.pool, "tiny"), (other, "tiny")]), (8, [(MetricsBed.pool, "tiny")])], at: .zero) }
        #expect(bed.lines("dynamo_component_router_requests_total{").count == 3)
        #expect(bed.lines("dynamo_component_router_requests_total{").allSatisfy { $0.hasSuffix(" 0") })
        let meter = bed.request()
        bed.on(meter) {
            $0.placed(by: MetricsBed.plan(router: 8), overlapBlocks: 0, routing: .zero)
            $0.dispatched()
            $0.ended(.init(200, at: 1))
        }
        let counted = bed.lines("dynamo_component_router_requests_total{").filter { $0.hasSuffix(" 1") }
        #expect(counted.count == 1 && counted[0].contains(#"router_id="8""#))
    }

    @Test("sets of a router or pool that is gone stay for a minute, for it may come back, and then go")
    func lingers() {
        let bed = MetricsBed()
        bed.know()
        func follow(_ second: Int64, present: Bool) {
            bed {
                $0.pools.follow(present ? [(7, [(MetricsBed.pool, "tiny")])] : [], at: Instant(nanoseconds: second * 1_000_000_000))
            }
        }
        func shown() -> Int { bed.lines("dynamo_component_router_requests_total{").count }
        follow(1, present: false)
        follow(59, present: false)
        #expect(shown() == 1)
        follow(60, present: true)
        follow(61, present: false)
        follow(120, present: false)
        #expect(shown() == 1)
        follow(121, present: false)
        #expect(shown() == 0 && bed.lines("dynamo_component_router_").isEmpty)
    }

    @Test("what cards and registrations say is a gauge a model, what is not known none, and it goes with the card")
    func cards() {
        let bed = MetricsBed(), card = Scene.card()
        let worker = entry(1) { entry in
            entry.pool = card.digest
            entry.ranks = [0, 1].map {
                RankCapacity(rank: $0, totalBlocks: 6_000, hostBlocks: 0, diskBlocks: 0, maxSequences: 256, maxBatchedTokens: 0)
            }
        }
        let metrics = CardMetricsBed(bed)
        metrics.follow([card], [worker])
        #expect(
            bed.lines("dynamo_frontend_model_").sorted() == [
                #"dynamo_frontend_model_context_length{model="tiny"} 8192"#, #"dynamo_frontend_model_kv_cache_block_size{model="tiny"} 16"#,
                #"dynamo_frontend_model_max_num_seqs{model="tiny"} 256"#, #"dynamo_frontend_model_migration_limit{model="tiny"} 2"#,
                #"dynamo_frontend_model_total_kv_blocks{model="tiny"} 12000"#,
            ])
        metrics.follow([], [])
        #expect(bed.lines("dynamo_frontend_model_").isEmpty)
    }

    /// The gauges of cards alone, on the bed's registry.
    private struct CardMetricsBed {
        let bed: MetricsBed
        let cards: CardMetrics

        init(_ bed: MetricsBed) {
            self.bed = bed
            let registry = bed.registry
            cards = bed { _ in CardMetrics(registry: registry) }
        }

        func follow(_ all: [ModelCard], _ workers: [WorkerEntry]) {
            let cards = cards
            bed { _ in cards.follow(all, workers, migrations: 2) }
        }
    }

    // MARK: In a frontend

    @Test("loads and queues that routers tell of are gauges within a second; of two routers the larger belief counts, of queues the sum")
    func mirror() {
        let scene = Scene(routers: 2, workers: 1)
        let worker = scene.worker { $0.identity }
        func load(_ blocks: UInt32, _ tokens: UInt64) -> PlacementLoad {
            var load = PlacementLoad()
            load.workerID = worker.id
            load.generation = worker.generation
            load.activeBlocks = blocks
            load.prefillTokens = tokens
            return load
        }
        let pool = scene.card.digest
        for (index, change) in [(0, load(42, 100)), (1, load(40, 120))] {
            scene.routers[index].on {
                $0.tell([
                    .placementLoad(change),
                    .queueDepth(
                        QueueDepth(model: "tiny", pool: pool, requests: 3, tokens: 500, oldestMilliseconds: 1, drainedTokensPerSecond: 1)),
                ])
            }
        }
        scene.pass(.milliseconds(1_100))
        let labels = #"{dp_rank="0",worker_id="1",worker_type="decode"}"#
        #expect(scene.metric("dynamo_frontend_worker_active_decode_blocks\(labels)") == 42)
        #expect(scene.metric("dynamo_frontend_worker_active_prefill_tokens\(labels)") == 120)
        #expect(scene.metric(#"dynamo_frontend_router_queue_pending_requests{worker_type="decode"}"#) == 6)
        #expect(scene.metric(#"dynamo_frontend_router_queue_pending_isl_tokens{worker_type="decode"}"#) == 1_000)
        for router in scene.routers {
            router { $0.tell([.workerGone(WorkerGone(workerID: worker.id, generation: worker.generation, reason: "left"))]) }
        }
        scene.pass(.milliseconds(1_100))
        #expect(scene.metric("dynamo_frontend_worker_active_decode_blocks\(labels)") == nil)
    }

    @Test("routers and pools that a frontend knows are there with zeros before the first request")
    func zeros() {
        let scene = Scene(routers: 2, workers: 1)
        scene.pass(.milliseconds(1_100))
        for router in ["1", "2"] {
            let labels =
                #"{dynamo_component="tiny",dynamo_namespace="test",pool="\#(scene.card.digest.hex.prefix(8))",router_id="\#(router)"}"#
            #expect(scene.metric("dynamo_component_router_requests_total\(labels)") == 0)
            #expect(scene.metric("dynamo_component_router_kv_hit_rate_count\(labels)") == 0)
        }
        #expect(scene.metric(#"dynamo_frontend_inflight_requests{model="tiny"}"#) == 0)
        #expect(scene.metric(#"dynamo_frontend_model_context_length{model="tiny"}"#) == 8_192)
    }
}
