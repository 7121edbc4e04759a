import ClusterModel
import Concurrency
import EventLoop
import HTTPClient
import ProcessKit
import ServiceRuntime
import Testing
import WireProtocol

@testable import FrontendService

@Suite("A tenants' file that changes")
struct TenantReloadTests {
    /// A file of a test: what it holds now, and how often it was read.
    private final class File: Sendable {
        private struct State: Sendable {
            var bytes: [UInt8]?
            var version: Int64 = 0
            var readings = 0
            var isReadable = true
        }

        private let state: Lock<State>
        init(_ bytes: [UInt8]) { state = Lock(State(bytes: bytes)) }

        func write(_ bytes: [UInt8]?) {
            state.with {
                $0.bytes = bytes
                $0.version += 1
            }
        }

        var readings: Int { state.with { $0.readings } }

        /// Whether it may be read; its stamp stays as it is.
        func allow(_ isReadable: Bool) { state.with { $0.isReadable = isReadable } }

        var watched: WatchedFile {
            WatchedFile(path: "tenants.json", stamp: { [state] in state.with { $0.bytes == nil ? nil : FileStamp(seconds: $0.version) } }) {
                [state] limit throws(FileReadError) in
                let bytes = state.with {
                    $0.readings += 1
                    return $0.isReadable ? $0.bytes : nil
                }
                guard let bytes, bytes.count <= limit else { throw FileReadError(path: "tenants.json", reason: "scripted") }
                return bytes
            }
        }
    }

    private func scene(_ file: File, _ text: [UInt8]) -> Scene {
        Scene(workers: 1) { config in
            do { config.tenants.given = try TenantFile(parsing: text) } catch { preconditionFailure("\(error)") }
            config.tenants.file = file.watched
        }
    }

    private func status(_ scene: Scene, _ tenant: String, _ number: Int = 0) -> Int {
        scene.finish(scene.chat(headers: TenantBed.bearer(tenant, number))).status
    }

    @Test("a change holds within seconds: keys come and go, limits move, and what runs goes on")
    func changes() {
        let before = TenantBed.text(TenantBed.entry("a", keys: 1), TenantBed.entry("b"))
        let file = File(before), scene = scene(file, before)
        #expect(status(scene, "a") == 200 && status(scene, "a", 1) == 401 && status(scene, "c") == 401)
        scene.worker { $0.script = { job in job.accept() } }
        let running = scene.chat(as: "b")
        scene.run { scene.router { $0.asked.count } == 2 }
        file.write(TenantBed.text(TenantBed.entry("a", #","maxRunning":1"#, keys: 2), TenantBed.entry("c")))
        scene.pass(.seconds(3))
        scene.worker { worker in
            worker.script = { $0.answer("hello") }
            worker.jobs.last?.say("late", finish: .endOfText)
            worker.jobs.last?.end(.finished)
        }
        scene.finish(running) { #expect($0.status == 200 && $0.text().contains("late")) }
        #expect(status(scene, "b") == 401 && status(scene, "c") == 200 && status(scene, "a", 1) == 200)
        scene.finish(scene.chat(as: "a")) { #expect($0.header("x-ratelimit-limit-requests") == "1") }
        #expect(scene.metric("apus_frontend_tenants ") == 2 && scene.metric("apus_frontend_tenants_file_in_force") == 1)
        #expect(scene.metric(#"apus_frontend_tenants_file_readings_total{outcome="taken"}"#) == 1)
        // Nothing is shown of whoever is gone.
        #expect(!scene.exposition.contains { $0.contains(#"tenant="b""#) })
    }

    @Test("closed while a thread looks at the file, it looks no more, and leaves no timer behind")
    func closedAmidLook() {
        let text = TenantBed.text(TenantBed.entry("a")), file = File(text), scene = Scene(workers: 1)
        scene.pass(.seconds(1))
        let (watch, timers) = scene.service { service in
            let frontend = service.frontend, timers = frontend.context.loop.timersWaiting
            let watch = TenantFileWatch(file.watched, of: frontend.tenants, context: frontend.context)
            watch.start()
            return (watch, timers)
        }
        scene.run { file.readings == 1 }
        scene.service { _ in watch.close() }
        scene.pass(.milliseconds(1))
        #expect(scene.service { $0.frontend.context.loop.timersWaiting } == timers)
    }

    @Test(
        "a file that is wrong, or gone, changes nothing, and that is said once",
        arguments: [
            Array("{".utf8), Array(#"{"tenants":[]}"#.utf8), TenantBed.text(#"{"name":"a","keys":["apus-a-0"]}"#), nil,
        ] as [[UInt8]?])
    func wrong(_ text: [UInt8]?) {
        let good = TenantBed.text(TenantBed.entry("a")), file = File(good), scene = scene(file, good)
        scene.pass(.seconds(3))
        file.write(text)
        scene.pass(.seconds(20))
        #expect(status(scene, "a") == 200)
        #expect(scene.metric("apus_frontend_tenants_file_in_force") == 0)
        #expect(scene.log.count { $0.contains("tenants file refused") } == 1)
        #expect(scene.log.allSatisfy { !$0.contains("apus-a-0") })
        file.write(TenantBed.text(TenantBed.entry("a"), TenantBed.entry("b")))
        scene.pass(.seconds(3))
        #expect(status(scene, "b") == 200 && scene.metric("apus_frontend_tenants_file_in_force") == 1)
    }

    @Test("a file that could not be read is tried again, and holds as soon as it can be, though nothing else of it changes")
    func unreadable() {
        let good = TenantBed.text(TenantBed.entry("a")), file = File(good), scene = scene(file, good)
        scene.pass(.seconds(3))
        file.allow(false)
        file.write(TenantBed.text(TenantBed.entry("b")))
        scene.pass(.seconds(20))
        #expect(status(scene, "a") == 200 && scene.metric("apus_frontend_tenants_file_in_force") == 0)
        #expect(scene.log.count { $0.contains("tenants file refused") } == 1)
        #expect(scene.metric(#"apus_frontend_tenants_file_readings_total{outcome="unreadable"}"#) == 1)
        file.allow(true)
        scene.pass(.seconds(3))
        #expect(status(scene, "a") == 401 && status(scene, "b") == 200)
        #expect(scene.metric("apus_frontend_tenants_file_in_force") == 1)
    }

    @Test("a look for which the pool has no room is counted, and after some in a row that is told once")
    func missed() throws {
        let text = TenantBed.text(TenantBed.entry("a")), file = File(text), scene = scene(file, text)
        scene.pass(.seconds(3))
        try scene.pool.submit {}
        scene.pass(.seconds(7))
        #expect(!scene.log.contains { $0.contains("tenants file not looked at") })
        scene.pass(.seconds(13))
        #expect(scene.log.count { $0.contains("tenants file not looked at") } == 1)
        let missed = scene.metric(#"apus_frontend_tenants_file_readings_total{outcome="missed"}"#) ?? 0
        #expect((9...10).contains(missed))
    }

    @Test("all tenants may be others at once: the new ones are counted by name, and the old ones are not shown")
    func replaced() {
        func file(_ word: String) -> TenantFile {
            let entries = (0..<TenantLimits.tenants).map { TenantBed.entry("\(word)-\($0)") }
            do { return try TenantFile(parsing: Array(#"{"tenants":[\#(entries.joined(separator: ","))]}"#.utf8)) } catch {
                preconditionFailure("\(error)")
            }
        }
        let (old, new) = (file("old"), file("new")), scene = Scene(workers: 1) { $0.tenants.given = old }
        #expect(scene.finish(scene.chat(as: "old-7")).status == 200)
        scene.service { service in
            do { try service.frontend.tenants.apply(new) } catch { preconditionFailure("\(error)") }
        }
        #expect(scene.finish(scene.chat(as: "new-1023")).status == 200)
        #expect(scene.metric(#"apus_frontend_tenant_requests_total{outcome="success",tenant="new-1023"}"#) == 1)
        #expect(!scene.exposition.contains { $0.contains(#"tenant="old-"#) })
    }

    @Test("a file that does not change is not read again; one that says the same changes nothing")
    func unchanged() {
        let text = TenantBed.text(TenantBed.entry("a")), file = File(text), scene = scene(file, text)
        scene.pass(.seconds(60))
        #expect(file.readings == 1)
        file.write(text)
        scene.pass(.seconds(3))
        #expect(file.readings == 2)
        #expect(scene.metric(#"apus_frontend_tenants_file_readings_total{outcome="taken"}"#) == nil)
    }

    @Test("what was used before a change of the rate stays used")
    func used() {
        func text(_ rate: Int) -> [UInt8] { TenantBed.text(TenantBed.entry("a", #","tokensPerMinute":\#(rate),"burstTokens":1000"#)) }
        let file = File(text(60)), scene = scene(file, text(60))
        func left() -> Int {
            var left = 0
            scene.finish(scene.chat(#","max_tokens":1"#, as: "a")) {
                left = $0.header("x-ratelimit-remaining-tokens").flatMap(Int.init) ?? 0
            }
            return left
        }
        for _ in 0..<5 { _ = left() }
        let before = left()
        file.write(text(61))
        scene.pass(.seconds(3))
        #expect((before - 100...before).contains(left()))
    }
}
