import ClusterModel
import EventLoop
import HTTPClient
import JSONText
import Testing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("The directory is followed by number")
struct DirectoryTests {
    private func models(_ scene: Scene) -> [String] {
        let client = scene.finish(scene.get("/v1/models"))
        return client { $0.json["data"]?.asArray?.compactMap { $0["id"]?.asString } ?? [] }
    }

    @Test("a worker that is gone gets no more links, one that is new gets its own")
    func goneAndNew() {
        let scene = Scene()
        scene.run { scene.workers.allSatisfy { worker in worker { $0.dataLinks.count } == 1 } }
        scene.router { $0.tell([.workerGone(WorkerGone(workerID: 1, generation: 0xA01, reason: "left"))]) }
        let third = scene.addWorker(3), entry = scene.entry(third)
        scene.router { $0.tell([.workerEntry(entry)]) }
        #expect(scene.run { third { $0.dataLinks.count } == 1 })
        // The link of one that routers no longer name is kept a while, in case that it is the router that forgot.
        #expect(scene.run(.seconds(30)) { scene.worker { $0.dataLinks.isEmpty } })
        #expect(scene.workers[1].on { $0.dataLinks.count } == 1)
    }

    @Test("a request that runs on a worker which routers no longer name goes on to its end, and the link ends after it")
    func goneWhileRunning() {
        let scene = Scene(workers: 1)
        scene.worker {
            $0.script = { job in
                job.accept()
                job.say("he")
                job.after(.seconds(25)) { $0.say("llo", finish: .endOfText) }
            }
        }
        let client = scene.chat()
        scene.run { client.text == "he" }
        scene.router { $0.tell([.workerGone(WorkerGone(workerID: 1, generation: 0xA01, reason: "not heard"))]) }
        scene.finish(client)
        client { #expect($0.text() == "hello") }
        #expect(scene.run(.seconds(30)) { scene.worker { $0.dataLinks.isEmpty } })
    }

    @Test("another life of a worker is another worker", arguments: [1, 2, 3] as [UInt64])
    func newGeneration(seed: UInt64) {
        let scene = Scene(seed: seed, workers: 1)
        scene.worker.host.kill(.reset)
        let second = scene.addWorker(1, generation: 0xA99), entry = scene.entry(second)
        scene.pass(.milliseconds(300))
        // Who answers at the address is not who the directory means.
        let early = scene.finish(scene.chat())
        early { #expect($0.status == 503) }
        #expect(second { $0.jobs.isEmpty })
        scene.router { $0.tell([.workerEntry(entry)]) }
        #expect(scene.run { second { $0.dataLinks.count } == 1 })
        scene.pass(.milliseconds(10))
        scene.finish(scene.chat()) { #expect($0.text() == "hello") }
        #expect(scene.router { $0.asked.last?.options.unreachableWorkers } == [])
    }

    @Test("of two routers one still names the life before: the worker is not held for unreachable")
    func staleLife() {
        let scene = Scene(routers: 2, workers: 1)
        scene.pass(.milliseconds(50))
        scene.worker.host.kill(.reset)
        let second = scene.addWorker(1, generation: 0xA99), entry = scene.entry(second)
        scene.routers[1].on { $0.tell([.workerEntry(entry)]) }
        scene.routers[0].on { $0.plan = { $0.fail($1, .draining) } }
        scene.pass(.seconds(1))
        for _ in 0..<4 { scene.finish(scene.chat()) { #expect($0.text() == "hello") } }
        #expect(scene.routers[1].on { $0.asked.allSatisfy { $0.options.unreachableWorkers.isEmpty } })
    }

    @Test("one router has a worker stopped, another has it ready: it is used", arguments: [0, 1])
    func twoViews(stopped: Int) {
        let scene = Scene(routers: 2, workers: 1)
        scene.pass(.milliseconds(50))
        let second = scene.addWorker(2)
        var entry = scene.entry(second)
        scene.routers[1 - stopped].on { [entry] in $0.tell([.workerEntry(entry)]) }
        entry.state = .stopped
        scene.routers[stopped].on { [entry] in $0.tell([.workerEntry(entry)]) }
        #expect(scene.run { second { $0.dataLinks.count } == 1 })
        scene.pass(.seconds(1))
        #expect(second { $0.dataLinks.count } == 1)
    }

    @Test("what a lost router said last counts no more while another one lives")
    func lostRoutersView() {
        let scene = Scene(routers: 2, workers: 1)
        scene.pass(.milliseconds(50))
        scene.routers[0].host.kill(.reset)
        scene.pass(.milliseconds(100))
        scene.routers[1].on { router in
            router.tell([.modelPoolGone(ModelPoolGone(model: "tiny", digest: router.pools[0].card.digest))])
        }
        scene.pass(.milliseconds(100))
        #expect(models(scene) == [])
        // And with none at all, what was known last is what there is.
        scene.routers[1].host.kill(.reset)
        scene.pass(.milliseconds(100))
        #expect(models(scene) == ["tiny"])
    }

    @Test("a gap in the feed is answered by a new snapshot, and nothing of it is missed", arguments: [1, 2, 3] as [UInt64])
    func gap(seed: UInt64) {
        let scene = Scene(seed: seed, workers: 1)
        let before = scene.router { $0.snapshotQuestions }
        let second = scene.addWorker(2), third = scene.addWorker(3)
        let (lost, heard) = (scene.entry(second), scene.entry(third))
        // The feed loses everything for a while; links do not.
        var faults = LinkFaults()
        faults.feedLoss = 1
        scene.fabric.plan["router-1", "frontend"] = faults
        scene.router { $0.tell([.workerEntry(lost)]) }
        scene.pass(.milliseconds(50))
        scene.fabric.plan["router-1", "frontend"] = LinkFaults()
        scene.router { $0.tell([.workerEntry(heard)]) }
        #expect(scene.run(.seconds(1)) { second { $0.dataLinks.count } == 1 && third { $0.dataLinks.count } == 1 })
        #expect(scene.router { $0.snapshotQuestions } > before)
    }

    @Test("a lost last message shows in the beat")
    func gapBeforeBeat() {
        let scene = Scene(workers: 1)
        let second = scene.addWorker(2), lost = scene.entry(second)
        var faults = LinkFaults()
        faults.feedLoss = 1
        scene.fabric.plan["router-1", "frontend"] = faults
        scene.router { $0.tell([.workerEntry(lost)]) }
        scene.fabric.plan["router-1", "frontend"] = LinkFaults()
        #expect(scene.run(.seconds(1)) { second { $0.dataLinks.count } == 1 })
    }

    @Test("a feed that doubles and reorders its messages changes nothing", arguments: 1...6 as ClosedRange<UInt64>)
    func disorder(seed: UInt64) {
        let scene = Scene(seed: seed, workers: 1)
        var faults = LinkFaults()
        faults.feedDuplication = 0.3
        faults.feedReordering = 0.3
        faults.feedLoss = 0.1
        scene.fabric.plan["router-1", "frontend"] = faults
        let second = scene.addWorker(2), entry = scene.entry(second)
        for round in 0..<20 {
            scene.router {
                $0.tell([round % 2 == 0 ? .workerEntry(entry) : .workerGone(WorkerGone(workerID: 2, generation: 0xA02, reason: ""))])
            }
            scene.pass(.milliseconds(5))
        }
        scene.router { $0.tell([.workerEntry(entry)]) }
        #expect(scene.run(.seconds(10)) { second { $0.dataLinks.count } == 1 })
        scene.finish(scene.chat()) { #expect($0.text() == "hello") }
    }

    @Test("pages that were read at different moments are not put together")
    func pagesOfDifferentMoments() {
        let scene = Scene(isReady: false)
        let moments = Box<UInt64>(0)
        scene.router { router in
            router.pageEntries = 1
            router.page = { [weak router] question in
                guard let router, moments.value < 6 else { return nil }
                moments.value += 1
                var page = router.page(question)
                page.sequence += moments.value
                return page
            }
        }
        scene.pass(.milliseconds(200))
        #expect(!scene.service { $0.isServing })
        #expect(scene.run(.seconds(20)) { scene.service { $0.isServing } })
        #expect(moments.value == 6)
        #expect(scene.run { scene.workers.allSatisfy { worker in worker { $0.dataLinks.count } == 1 } })
    }

    @Test("a router that has no snapshot to give is asked at growing intervals")
    func noSnapshot() {
        let scene = Scene(isReady: false)
        scene.router { $0.answersQuestions = true }
        scene.router { router in router.page = { _ in SnapshotPage() } }
        scene.pass(.seconds(60))
        let asked = scene.router { $0.snapshotQuestions }
        #expect(asked > 5 && asked < 40)
        scene.router { $0.page = nil }
        #expect(scene.run(.seconds(10)) { scene.service { $0.isServing } })
    }

    @Test("a snapshot without an end, or with more than a cluster has, is bounded")
    func endlessSnapshot() throws {
        let scene = Scene(isReady: false)
        let pages = Box<UInt64>(0)
        let entry = scene.entry(scene.worker)
        scene.router { router in
            router.page = { [weak router] question in
                guard let router else { return nil }
                pages.value += 1
                var page = SnapshotPage()
                page.generation = router.identity.generation
                page.sequence = router.sequence
                page.fromHash = question.cursor.fromHash
                page.throughHash = .max
                page.entries = (0..<100).map { index in
                    var other = entry
                    other.workerID = pages.value * 1_000 + UInt64(index)
                    other.endpoints = Endpoints()
                    return .workerEntry(other)
                }
                page.next = pages.value < 100 ? SnapshotCursor(section: 0, fromHash: pages.value) : nil
                return page
            }
        }
        scene.pass(.seconds(1))
        #expect(pages.value >= 100)
        var json = JSONWriter()
        scene.service { $0.debugState(into: &json) }
        let state = try JSONValue(parsing: json.finish())
        #expect(state["routers"]?[0]?["workers"]?.asInt == Limits.workerIDs)
    }

    @Test("bytes on the feed that are no batch are recovered as a gap")
    func malformedBatch() {
        let scene = Scene(workers: 1)
        let second = scene.addWorker(2), entry = scene.entry(second)
        let before = scene.router { $0.snapshotQuestions }
        scene.router { router in
            router.publish(count: 1, [255, 255, 255, 255, 1, 2, 3])
            router.tell([.workerEntry(entry)])
        }
        #expect(scene.run(.seconds(2)) { second { $0.dataLinks.count } == 1 })
        #expect(scene.router { $0.snapshotQuestions } > before)
    }
}
