import EventLoop
import HTTPClient
import JSONText
import ProcessKit
import ServiceRuntime
import Telemetry
import Testing

@Suite("What operators and probes can ask of a process")
struct AdminServiceTests {
    @LoopActor
    private final class Switches {
        var isUp = false
        var canServe = false
        nonisolated init() {}
    }

    private func admin(_ kit: Kit, listen: String = "127.0.0.1:0", _ switches: Switches = Switches()) throws -> (AdminService, UInt16) {
        let address = try AddressText(listen, rule: .http), context = kit.context
        let admin = kit.loop.perform { AdminService(context, listen: address, isReady: { switches.isUp }) }
        kit.kept.append(admin)
        let port = kit.run {
            do { try await admin.start() } catch { return UInt16(0) }
            return admin.port
        }
        return (admin, port)
    }

    @Test("alive is who answers; ready is who stands and can serve")
    func health() throws {
        let kit = Kit(), switches = Switches(), (admin, port) = try admin(kit, switches)
        func answers() -> [Int?] { ["/livez", "/healthz", "/readyz", "/ready"].map { kit.get($0, port: port)?.status } }
        #expect(answers() == [200, 200, 503, 503])
        kit.loop.perform { switches.isUp = true }
        #expect(answers() == [200, 200, 200, 200])
        kit.loop.perform { admin.readiness = { switches.canServe } }
        #expect(answers() == [200, 200, 503, 503])
        kit.loop.perform { switches.canServe = true }
        #expect(answers() == [200, 200, 200, 200])
    }

    @Test("metrics come in the text format, each time as they are")
    func metrics() throws {
        let kit = Kit(), (_, port) = try admin(kit)
        let counter = kit.context.metrics.counter("apus_test_total", help: "Of a test.")
        counter.increment()
        let first = kit.get("/metrics", port: port)
        #expect(first?["content-type"] == TextExposition.contentType)
        #expect(first?.text.contains("apus_test_total 1\n") == true)
        #expect(first?.text.contains("process_resident_memory_bytes") == true)
        counter.increment()
        let second = kit.get("/metrics", port: port)
        #expect(second?.text.contains("apus_test_total 2\n") == true)
        #expect(second?.text.contains("apus_test_total 1\n") == false)
    }

    @Test("the state says who this is, and what its service says")
    func state() throws {
        let kit = Kit(), (admin, port) = try admin(kit)
        let empty = try JSONValue(parsing: kit.get("/debug/state", port: port)?.body ?? [])
        #expect(empty["state"]?.isNull == true)
        #expect(empty["ready"]?.asBool == false)
        kit.loop.perform {
            admin.debugState = { json in
                json.beginObject()
                json.key("leases")
                json.number(3)
                json.endObject()
            }
        }
        let full = try JSONValue(parsing: kit.get("/debug/state", port: port)?.body ?? [])
        #expect(full["role"]?.asString == "router")
        #expect(full["id"]?.asString == "0000000000000012")
        #expect(full["generation"]?.asString == "0000000000000034")
        #expect(full["state"]?["leases"]?.asInt == 3)
    }

    @Test("beyond loopback only metrics and health are served")
    func beyondLoopback() throws {
        let kit = Kit(), (_, port) = try admin(kit, listen: "0.0.0.0:0")
        #expect(port != 0)
        #expect(kit.get("/metrics", port: port)?.status == 200)
        #expect(kit.get("/livez", port: port)?.status == 200)
        #expect(kit.get("/debug/state", port: port)?.status == 404)
    }

    @Test("it answers through a drain, and is gone after its stop")
    func ends() throws {
        let kit = Kit(), (admin, port) = try admin(kit)
        #expect(kit.run { await admin.drain() })
        #expect(kit.get("/livez", port: port)?.status == 200)
        kit.loop.perform { admin.stop() }
        #expect(kit.get("/livez", port: port) == nil)
    }

    @Test("a port that is taken fails the start")
    func portTaken() throws {
        let kit = Kit(), (_, port) = try admin(kit)
        let (_, second) = try admin(kit, listen: "127.0.0.1:\(port)")
        #expect(second == 0)
    }
}
