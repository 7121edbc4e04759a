import ClusterModel
import EventLoop
import JSONText
import Scheduling
import Testing
import Transport
import WireProtocol

@testable import RouterService

@Suite("What a router shows of itself")
struct DebugStateTests {
    @Test("a gap, a recovery, a doubt, a failed parity and a silence are each a field of their worker, and a metric")
    func notes() throws {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.believedWorker(1)
        _ = world.readyWorker(2) { $0.hashesWrongly = true }
        world.losing(worker) { world.on(worker) { $0.load(waiting: 5) } }
        world.until("in step again") { world.record(1)?.waitingTokens == 5 && world.isInStep(1) }
        world.on(worker) { $0.store([1, 2, 3, 4]) }
        world.until("stored") { world.look { $0.indexedCopies } == 4 }
        for _ in 0..<8 where world.events(1) == .exact {
            let plan = world.plan(frontend) { $0.options.pins = [Pin(leg: .aggregated, workerID: 1, rank: nil)] }
            let key = world.on(frontend) { $0.key(plan) }
            world.on(worker) { $0.serve(plan.legs[0], key, cached: 0) }
            world.until("served") { world.leases == 0 }
        }
        world.until("read anew") { world.events(1) == .exact && world.isInStep(1) }
        var silent = LinkFaults()
        silent.feedLoss = 1
        world.fabric.plan[worker.host.name, RouterWorld.routerName] = silent
        world.until("silent", within: .seconds(3)) { !world.takesWork(1) }

        let state = try JSONValue(parsing: world.debugState())
        let first = try #require(state["workers"]?[0]), second = try #require(state["workers"]?[1]), notes = try #require(first["notes"])
        #expect(first["events"]?.asString == "exact" && second["events"]?.asString == "loadOnly")
        #expect(second["events_reason"]?.asString?.contains("hash of block") == true)
        #expect(notes["gaps"]?.asInt == 1 && notes["missing_doubts"]?.asInt == 1 && notes["feed_silences"]?.asInt == 1)
        #expect(notes["last_gap"]?["what"]?.asString?.hasPrefix("events ") == true)
        #expect((notes["last_gap"]?["milliseconds_ago"]?.asInt ?? -1) > 0)
        #expect(notes["last_recovery"]?["what"]?.asString == "by snapshot" && (notes["recoveries"]?.asInt ?? 0) >= 3)
        #expect(notes["last_doubt"]?["what"]?.asString?.contains("find less") == true && notes["last_parity_fault"] == nil)
        #expect(second["notes"]?["parity_faults"]?.asInt == 1)
        #expect(second["notes"]?["last_parity_fault"]?["what"]?.asString?.contains("list 1") == true)
        for metric in [
            "apus_router_stream_gaps_total 1", #"apus_router_cache_doubts_total{reason="missing"} 1"#,
            #"apus_router_parity_faults_total{reason="differ"} 1"#, "apus_router_feed_silences_total 1",
            #"apus_router_stream_recoveries_total{outcome="snapshot"}"#,
        ] { #expect(world.exposition.contains(metric), "\(metric)") }
    }

    @Test("the index and each worker's part of it, its cursor and its speed are shown")
    func index() throws {
        let world = RouterWorld(), worker = world.believedWorker(1) { $0.ranks = [0, 1] }
        world.on(worker) {
            $0.store([1, 2, 3, 4])
            $0.store([1, 2], rank: 1)
        }
        world.until("stored") { world.look { $0.indexedCopies } == 6 }
        let state = try JSONValue(parsing: world.debugState()), index = try #require(state["index"])
        #expect(index["blocks"]?.asInt == 4 && index["copies"]?.asInt == 6 && index["slots"]?.asInt == 2)
        #expect((index["bytes"]?.asInt ?? 0) > 0 && index["retired_slots"]?.asInt == 0)
        let shown = try #require(state["workers"]?[0])
        #expect(shown["position"]?.asInt == 2 && shown["in_step"]?.asBool == true && shown["doubt"]?.isNull == true)
        #expect(shown["ranks"]?[0]?["indexed_blocks"]?.asInt == 4 && shown["ranks"]?[1]?["indexed_blocks"]?.asInt == 2)
        #expect(shown["ranks"]?[0]?["latency"]?.isNull == true && shown["ranks"]?[0]?["measured_durations"]?.asInt == 0)
    }
}
