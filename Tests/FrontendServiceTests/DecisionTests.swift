import ClusterModel
import EventLoop
import JSONText
import Testing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("What a client is told of its placement")
struct DecisionTests {
    static let record = Array(#"{"choice":[{"placement":1}]}"#.utf8)

    @Test("the worker is told on each chunk, and the decision once, where the client asks for them", arguments: [true, false])
    func extraFields(stream: Bool) {
        let scene = Scene(workers: 1)
        scene.router { $0.explains = { _ in Self.record } }
        let client = scene.chat(#","nvext":{"extra_fields":["decision","worker_id"]}"#, stream: stream)
        scene.finish(client) { answer in
            #expect(answer.text() == "hello")
            let told = stream ? answer.chunks.compactMap { $0["nvext"] } : [answer.json["nvext"]].compactMap { $0 }
            #expect(!told.isEmpty && told.allSatisfy { $0["worker_id"]?["decode_worker_id"]?.asUInt64 == 1 })
            #expect(told.allSatisfy { $0["worker_id"]?["prefill_dp_rank"]?.asUInt64 == 0 })
            #expect(told.compactMap { $0["decision"] }.map { $0["choice"]?[0]?["placement"]?.asInt } == [1])
            if stream {
                #expect(answer.chunks.last { $0["nvext"]?["decision"] != nil }?["choices"]?[0]?["finish_reason"]?.asString == "stop")
            }
        }
        // Placements as ordinals, of this attempt.
        #expect(scene.router { $0.explained.map { $0.ordinals ? Int($0.request.attempt) : -1 } } == [1])
        #expect(scene.held == [])
    }

    @Test("who does not ask is told nothing, and no router is asked")
    func nothingAsked() {
        let scene = Scene(workers: 1)
        scene.router { $0.explains = { _ in Self.record } }
        scene.finish(scene.chat()) { answer in #expect(answer.chunks.allSatisfy { $0["nvext"] == nil }) }
        #expect(scene.router { $0.explained.isEmpty })
    }

    @Test("a record that is gone, or no JSON, is left out and harms no answer", arguments: [nil, Array("{".utf8)] as [[UInt8]?])
    func withoutRecord(_ record: [UInt8]?) {
        let scene = Scene(workers: 1)
        scene.router { $0.explains = { _ in record } }
        scene.finish(scene.chat(#","nvext":{"extra_fields":["decision"]}"#)) { answer in
            #expect(answer.text() == "hello" && answer.chunks.allSatisfy { $0["nvext"] == nil })
        }
    }

    @Test("C.3: a question is answered with workers and tokens, and runs nowhere", arguments: [true, false])
    func question(stream: Bool) {
        let scene = Scene(workers: 1)
        scene.router {
            $0.plan = { router, entry in
                var plan = router.place(entry, on: 1, lease: 0)
                plan.outcome = entry.queryOnly ? .queryOnly : .placed
                return plan
            }
        }
        let client = scene.chat(#","nvext":{"annotations":["query_instance_id:"]}"#, stream: stream)
        scene.finish(client) { answer in
            let told = (stream ? answer.chunks.last { $0["nvext"] != nil } : answer.json)?["nvext"]
            #expect(told?["worker_id"]?["prefill_worker_id"]?.asUInt64 == 1 && told?["worker_id"]?["decode_worker_id"]?.asUInt64 == 1)
            #expect((told?["token_ids"]?.asArray?.count ?? 0) > 0)
            #expect(answer.text() == "" && answer.finish() == "stop" && (!stream || answer.isDone))
        }
        #expect(scene.router { $0.asked.map(\.queryOnly) } == [true])
        #expect(scene.router { $0.endedLeases.isEmpty })
        #expect(scene.worker { $0.jobs.isEmpty })
        #expect(scene.held == [])
    }

    @Test("a decision is fetched by the client's own label, and by the id of the answer")
    func fetched() {
        let scene = Scene(workers: 1)
        scene.router { $0.explains = { question in question.request.counter == 1 ? Self.record : nil } }
        scene.finish(scene.chat(headers: [(name: "x-request-id", value: "mine")]))
        scene.finish(scene.get("/v1/requests/mine/decision")) { answer in
            #expect(answer.status == 200 && answer.json["choice"]?[0]?["placement"]?.asInt == 1)
        }
        let id = scene.router { RequestID(origin: $0.link?.peer.generation ?? 0, counter: 1) }
        scene.finish(scene.get("/v1/requests/\(id)/decision")) { #expect($0.status == 200) }
        let other = RequestID(origin: id.origin + 1, counter: 1), never = RequestID(origin: id.origin, counter: 77)
        for name in ["other", "\(other)", "\(never)"] {
            scene.finish(scene.get("/v1/requests/\(name)/decision")) { answer in
                #expect(answer.status == 404 && answer.errorCode == "not_found")
            }
        }
        // What is another frontend's is not even asked for.
        #expect(scene.router { $0.explained.map(\.request.counter) } == [1, 1, 77])
        #expect(scene.router { $0.explained.allSatisfy(\.ordinals) })
    }

    @Test(
        "of several routers' decisions the last is told: of the highest attempt, and in one attempt that on the decode leg",
        arguments: [false, true])
    func lastDecision(isTurned: Bool) {
        let scene = Scene(routers: 2, workers: 1)
        func tell(_ records: [(attempt: Int, shape: String)]) -> JSONValue {
            for (router, record) in zip(scene.routers, isTurned ? records.reversed() : records) {
                router { $0.explains = { _ in Array(#"{"attempt":\#(record.attempt),"shape":"\#(record.shape)"}"#.utf8) } }
            }
            let client = scene.finish(scene.get("/v1/requests/mine/decision"))
            return client { $0.json }
        }
        scene.run { scene.service { $0.usableRouters } == 2 }
        scene.finish(scene.chat(headers: [(name: "x-request-id", value: "mine")]))
        #expect(tell([(1, "decode"), (2, "whole")])["attempt"]?.asInt == 2)
        #expect(tell([(2, "split"), (2, "decode")])["shape"]?.asString == "decode")
        #expect(tell([(3, "split"), (2, "decode")])["attempt"]?.asInt == 3)
    }

    @Test("labels are kept up to a bound, and the last request of a name counts")
    func labels() {
        let scene = Scene(workers: 1)
        scene.router { $0.explains = { question in question.request.counter == 2 ? Self.record : nil } }
        for _ in 0..<2 { scene.finish(scene.chat(headers: [(name: "x-request-id", value: "twice")])) }
        scene.finish(scene.get("/v1/requests/twice/decision")) { #expect($0.status == 200) }
    }

    @Test(
        "L11: a pin to an unknown worker is 400, names it, and the member of the body that pins it",
        arguments: [
            (#"{"backend_instance_id":4711}"#, 0, "nvext.backend_instance_id"),
            (#"{"backend_instance_id":"0000000000001267"}"#, 0, "nvext.backend_instance_id"),
            (#"{"prefill_worker_id":1,"decode_worker_id":4711}"#, 1, "nvext.decode_worker_id"),
        ])
    func unknownPin(extensions: String, place: Int, member: String) {
        let scene = Scene(workers: 1)
        scene.router {
            $0.plan = { router, entry in
                var plan = router.fail(entry, .unknownWorker)
                plan.failure?.field = "pins[\(place)]"
                plan.failure?.reason = "there is no such placement at worker \(entry.options.pins[place].workerID)"
                return plan
            }
        }
        scene.finish(scene.chat(#","nvext":"# + extensions)) { answer in
            #expect(answer.status == 400 && answer.errorCode == "unknown_worker")
            #expect(answer.json["error"]?["message"]?.asString?.contains("4711") ?? false)
            #expect(answer.json["error"]?["param"]?.asString == member)
        }
    }

    @Test("pins of the client are those of each leg, ranks as the seeds give them")
    func pins() {
        var hints = RoutingHints()
        hints.backendInstance = WorkerID(1)
        hints.prefillWorker = WorkerID(2)
        hints.decodeWorker = WorkerID(5)
        hints.rank = Rank(3)
        #expect(
            RoutingOptions(hints).pins == [
                Pin(leg: .aggregated, workerID: 1, rank: 3), Pin(leg: .prefill, workerID: 2, rank: 3),
                Pin(leg: .decode, workerID: 5, rank: 3),
            ])
        hints.prefillRank = Rank(4)
        #expect(RoutingOptions(hints).pins[1] == Pin(leg: .prefill, workerID: 2, rank: 4))
    }
}
