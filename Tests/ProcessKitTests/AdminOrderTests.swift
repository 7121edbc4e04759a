import EventLoop
import HTTPClient
import JSONText
import ProcessKit
import ServiceRuntime
import Testing

@Suite("Orders to a process")
struct AdminOrderTests {
    private enum Mode: String, CaseIterable { case slow, fast }

    @LoopActor
    private final class Taken {
        var orders: [String] = []
        nonisolated init() {}
    }

    private func listening(_ kit: Kit, host: String = "127.0.0.1", _ taken: Taken) throws -> UInt16 {
        let address = try AddressText("\(host):0", rule: .http), context = kit.context
        let admin = kit.loop.perform { AdminService(context, listen: address, isReady: { true }) }
        kit.kept.append(admin)
        kit.loop.perform {
            admin.order("/pace") { order throws(AdminRefusal) in
                let seconds = try order.integer("seconds", in: 0...60)
                let mode: Mode = try order.word("mode")
                try order.finish()
                if seconds == 0 { throw .conflict("not now") }
                taken.orders.append("\(mode) \(seconds ?? -1)")
            }
        }
        return kit.run {
            do { try await admin.start() } catch { return UInt16(0) }
            return admin.port
        }
    }

    @Test("an order is carried out once it is read to its end, and says what is wrong with it by its field")
    func orders() throws {
        let kit = Kit(), taken = Taken(), port = try listening(kit, taken)
        func send(_ body: String, _ type: String? = "application/json", origin: String? = nil) -> (Int?, String?) {
            var headers: [(name: String, value: String)] = type.map { [("Content-Type", $0)] } ?? []
            if let origin { headers.append(("Origin", origin)) }
            let response = kit.post("/pace", port: port, headers: headers, body: Array(body.utf8))
            let error = try? JSONValue(parsing: response?.body ?? [])["error"]
            return (response?.status, error?["param"]?.asString)
        }
        #expect(send(#"{"mode":"fast","seconds":5}"#) == (202, nil))
        #expect(send(#"{"mode":"slow"}"#, "Application/JSON ; charset=utf-8") == (202, nil))
        #expect(kit.loop.perform { taken.orders } == ["fast 5", "slow -1"])
        #expect(send(#"{"mode":"other"}"#) == (400, "mode"))
        #expect(send(#"{}"#) == (400, "mode"))
        #expect(send(#"{"mode":"fast","seconds":61}"#) == (400, "seconds"))
        #expect(send(#"{"mode":"fast","seconds":"5"}"#) == (400, "seconds"))
        #expect(send(#"{"mode":"fast","sconds":5}"#) == (400, "sconds"))
        #expect(send(#"{"mode":"fast","seconds":0}"#) == (409, nil))
        #expect(send("[]") == (400, nil) && send("{") == (400, nil) && send("") == (400, nil))
        #expect(kit.loop.perform { taken.orders.count } == 2)
    }

    @Test("a web page cannot give orders: not with a form's type, not with its origin")
    func pages() throws {
        let kit = Kit(), taken = Taken(), port = try listening(kit, taken)
        func status(_ headers: [(name: String, value: String)]) -> Int? {
            kit.post("/pace", port: port, headers: headers, body: Array(#"{"mode":"fast"}"#.utf8))?.status
        }
        #expect(status([]) == 415)
        #expect(status([("Content-Type", "text/plain")]) == 415)
        #expect(status([("Content-Type", "application/json"), ("Origin", "http://example.com")]) == 403)
        #expect(kit.loop.perform { taken.orders.isEmpty })
    }

    @Test("beyond loopback there are no orders")
    func beyondLoopback() throws {
        let kit = Kit(), taken = Taken(), port = try listening(kit, host: "0.0.0.0", taken)
        let response = kit.post(
            "/pace", port: port, headers: [("Content-Type", "application/json")], body: Array(#"{"mode":"fast"}"#.utf8))
        #expect(response?.status == 404)
    }
}
