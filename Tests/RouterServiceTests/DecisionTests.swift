import ClusterModel
import EventLoop
import JSONText
import Scheduling
import ServiceRuntime
import Telemetry
import Testing
import Transport
import WireProtocol

@testable import RouterService

@Suite("Decisions that are explained")
struct DecisionTests {
    /// What a router answers to a question about a request.
    func explain(
        _ world: RouterWorld, _ frontend: ScriptedFrontend, _ request: RequestKey, ordinals: Bool = false
    ) -> (record: JSONValue?, failure: FailureCode?) {
        nonisolated(unsafe) var result: (record: JSONValue?, failure: FailureCode?) = (nil, nil)  // Safety: all on the world's thread.
        nonisolated(unsafe) var isAnswered = false  // Safety: the same.
        _ = world.on(frontend) { frontend in
            frontend.loop.spawn {
                defer { isAnswered = true }
                guard let link = frontend.link else { return }
                do throws(LinkFailure) {
                    let answer = try await link.ask(
                        ExplainQuestion(request: request, ordinals: ordinals), answeredBy: ExplainAnswer.self, within: .seconds(2))
                    result.record = try? JSONValue(parsing: answer.decision)
                } catch {
                    if case .failed(let failure) = error { result.failure = failure.code }
                }
            }
        }
        world.until("an explanation") { isAnswered }
        return result
    }

    @Test("T39: each plan's decision can be fetched, names where the plan went, and comes out again the same")
    func fetched() throws {
        let world = RouterWorld(selection: SelectionSettings()), frontend = world.frontend()
        for id in 1...3 as ClosedRange<UInt64> { _ = world.readyWorker(id) }
        for _ in 0..<20 {
            let plan = world.plan(frontend)
            let json = try #require(explain(world, frontend, world.on(frontend) { $0.key(plan) }).record)
            let record = try DecisionRecord(json)
            #expect(record.taken.map { $0.candidates[$0.chosen].placement } == [plan.legs[0].place])
            #expect(DecisionReplay(of: record).agrees(with: record) && record.legs[0].candidates.count == 3)
            #expect(json["choice"]?[0]?["worker"]?.asString == WorkerID(plan.legs[0].workerID).description)
        }
    }

    @Test("an ordinal names a placement and no worker; another's request, and one that never was, are not found")
    func ownOnly() throws {
        let world = RouterWorld(), frontend = world.frontend()
        _ = world.readyWorker(0x1234_5678)
        let plan = world.plan(frontend), key = world.on(frontend) { $0.key(plan) }
        let shown = try #require(explain(world, frontend, key, ordinals: true).record)
        #expect(shown["choice"]?[0]?["placement"]?.asInt == 0 && shown["choice"]?[0]?["worker"] == nil)
        for other in [
            RequestKey(origin: key.origin + 1, counter: key.counter, attempt: 0), RequestKey(origin: key.origin, counter: 999, attempt: 0),
        ] {
            #expect(explain(world, frontend, other).failure == .notFound)
        }
        #expect(explain(world, frontend, RequestKey(origin: key.origin, counter: key.counter, attempt: 2)).failure == .notFound)
    }

    @Test("C.3, L10: a question is answered and explained, books nothing, and stays out of the histogram")
    func question() throws {
        let world = RouterWorld(selection: SelectionSettings()), frontend = world.frontend()
        _ = world.readyWorker(1)
        let plan = world.plan(frontend) { $0.queryOnly = true }
        #expect(plan.outcome == .queryOnly && plan.legs.count == 1 && plan.legs[0].lease == 0 && world.leases == 0)
        let json = try #require(explain(world, frontend, world.on(frontend) { $0.key(plan) }).record)
        #expect(json["query_only"]?.asBool == true)
        var exposition = TextExposition()
        exposition.append(world.metrics)
        let text = String(decoding: exposition.bytes, as: UTF8.self)
        #expect(text.contains("dynamo_router_overhead_total_ms_count{router_id=\"170\"} 0"))
        #expect(!world.log.all.contains { $0.contains("[ROUTING]") })
    }

    @Test("the line of a choice has the shape that other programs read")
    func logLine() throws {
        let world = RouterWorld(), frontend = world.frontend()
        _ = world.readyWorker(17)
        _ = world.plan(frontend)
        let line = try #require(world.log.all.last { $0.contains("[ROUTING]") })
        #expect(line.contains(#""msg":"[ROUTING] Best: worker_17 dp_rank=0 with 0/4 blocks overlap""#))
    }

    @Test("L11: a pin to an unknown worker is refused by its number, and a policy that is none by its field")
    func refusals() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = world.readyWorker(1)
        world.acquaint()
        let pinned = world.plan(frontend) { $0.options.pins = [Pin(leg: .aggregated, workerID: 987_654, rank: nil)] }
        #expect(pinned.failure?.code == .unknownWorker && pinned.failure?.field == "pins[0]")
        #expect(pinned.failure?.reason.contains("987654") ?? false)
        let odd = world.plan(frontend) { $0.options.policy = "best" }
        #expect(odd.failure?.code == .invalidArgument && odd.failure?.field == "policy")
        let good = world.plan(frontend) { $0.options.policy = "least-loaded" }
        #expect(good.outcome == .placed)
    }

    // MARK: The command

    static func record(_ change: (inout DecisionRecord) -> Void = { _ in }) throws -> [UInt8] {
        var pool: [Candidate] = []
        for worker in 1...3 as ClosedRange<UInt64> {
            var load = CandidateLoad()
            load.requests = UInt32(worker)
            load.activeBlocks = UInt32(worker)
            pool.append(
                Candidate(
                    placement: Placement(worker: WorkerID(worker), rank: Rank(0)), generation: Generation(1), role: .aggregated,
                    capabilities: 0, maxBatchedTokens: 100, isReady: true, load: load))
        }
        var scratch = SelectionScratch(), ring = DecisionRing(bytes: 1 << 16), random = SeededRandom(seed: 1), query = RouteQuery()
        query.tokenCount = 64
        query.blockSize = 16
        _ = try PlacementSelector().decide(query, among: pool, blocks: BlockMatches(), scratch: &scratch, random: &random)
        ring.append(scratch, DecisionFacts())
        var record = try #require(ring.record(of: RequestID(origin: 0, counter: 0)))
        change(&record)
        var json = JSONWriter()
        record.write(to: &json, naming: .ids)
        return json.finish()
    }

    static func run(_ text: [UInt8]?) throws -> (code: ExitCode, output: String, complaint: String) {
        var table = OptionTable(ProcessDescription(name: "router", summary: "A test.", protocolVersion: "1.0"))
        let command = DecisionReplayCommand(in: &table)
        guard
            case .run(let resolved, _) = table.invocation(
                arguments: ["--replay-decision", "d.json"], environment: ["HOME": "/"], files: .system)
        else { throw FileReadError(path: "", reason: "the options") }
        let files = FileReader { (path, _) throws(FileReadError) in
            guard let text else { throw FileReadError(path: path, reason: "No such file or directory") }
            return text
        }
        return try #require(command.run(resolved, files: files))
    }

    @Test("a replayed record prints its candidates and both choices, and says by its code whether they are equal")
    func replayed() throws {
        let equal = try Self.run(try Self.record())
        #expect(equal.code == .ok && equal.output.hasSuffix("equal\n") && equal.output.contains("recorded, recomputed"))
        #expect(equal.output.contains("recomputed whole: 0000000000000001/0"))
        let wrapped = Array(#"{"nvext":{"decision":"#.utf8) + (try Self.record()) + Array("}}".utf8)
        #expect(try Self.run(wrapped).code == .ok)
        let odd = try Self.record { $0.legs[0].chosen = 2 }, other = try Self.run(odd)
        #expect(other.code == .failure && other.output.hasSuffix("NOT EQUAL\n"))
        #expect(other.output.contains("recorded   whole: 0000000000000003/0"))
        // The decision before it is made again as well.
        let both = try Self.run(Array(try Self.record().dropLast()) + Array(#","before":"#.utf8) + odd + Array("}".utf8))
        #expect(both.code == .failure && both.output.contains("NOT EQUAL\n") && both.output.hasSuffix("\nequal\n"))
    }

    @Test("what is no record is refused with the reason")
    func badFiles() throws {
        let missing = try Self.run(nil)
        #expect(missing.code == .usage && missing.complaint == "router: d.json: No such file or directory\n")
        #expect(try Self.run(Array("{".utf8)).code == .usage)
        let strange = try Self.run(Array(#"{"request":"x"}"#.utf8))
        #expect(strange.code == .usage && strange.complaint.contains("request: it is no id of a request"))
    }
}
