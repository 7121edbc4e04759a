import JSONText
import Testing

@testable import LoadGeneration

@Suite("Requests as they are sent")
struct RequestWriterTests {
    private func written(
        _ change: (inout RequestForm) -> Void = { _ in }, target: String = "http://host:81/base/", session: UInt64? = nil
    ) throws -> (head: [String], body: JSONValue) {
        var form = RequestForm(model: "a \"model\"", prompt: .text(charactersPerToken: 1))
        change(&form)
        var writer = try RequestWriter(form, target: try LoadTarget(parsing: target), blockTokens: 64)
        var request = PlannedRequest(due: .zero, promptTokens: 33, outputTokens: 7)
        request.session = session
        request.tenant = 3
        var bytes: [UInt8] = []
        writer.append(LoadItem(request, salt: 1), to: &bytes)
        // Twice, since what the first one leaves behind must not show in the second.
        bytes.removeAll()
        writer.append(LoadItem(request, salt: 1), to: &bytes)
        let text = String(decoding: bytes, as: UTF8.self), end = try #require(text.firstRange(of: "\r\n\r\n"))
        let head = text[..<end.lowerBound].split(separator: "\r\n").map(String.init), body = Array(text[end.upperBound...].utf8)
        #expect(head.contains("Content-Length: \(body.count)"))
        return (head, try JSONValue(parsing: body))
    }

    @Test("a chat has what was asked for, and nothing else")
    func chat() throws {
        let (head, body) = try written()
        #expect(head[0] == "POST /base/v1/chat/completions HTTP/1.1" && head.contains("Host: host:81"))
        #expect(head.contains("Content-Type: application/json") && head.count == 4)
        #expect(body["model"]?.asString == "a \"model\"" && body["max_tokens"]?.asInt == 7 && body["min_tokens"]?.asInt == 7)
        #expect(body["stream"]?.asBool == true && body["stream_options"]?["include_usage"]?.asBool == true)
        #expect(body["ignore_eos"]?.asBool == true && body.asObject?.count == 7)
        #expect(body["messages"]?[0]?["role"]?.asString == "user")
        #expect(body["messages"]?[0]?["content"]?.asString?.utf8.count == 33)
    }

    @Test("options take away what they say")
    func options() throws {
        let (head, body) = try written(
            {
                $0.api = .completions
                $0.streams = false
                $0.fixesLength = false
                $0.prompt = .tokens(vocabulary: 1_000)
            }, target: "http://[::1]")
        #expect(head[0] == "POST /v1/completions HTTP/1.1" && head.contains("Host: [::1]"))
        #expect(body.asObject.map { Array($0.names) } == ["model", "stream", "prompt", "max_tokens"])
        #expect(body["prompt"]?.asArray?.count == 33 && body["stream"]?.asBool == false)
    }

    @Test("keys, tenants, sessions and headers are told")
    func headers() throws {
        let (head, _) = try written(
            {
                $0.keys = ["k0", "k1"]
                $0.tenantHeader = "X-Tenant"
                $0.headers = [("X-One", "1"), ("X-Two", "a b")]
            }, session: 12)
        for line in ["Authorization: Bearer k1", "X-Tenant: tenant-3", "X-One: 1", "X-Two: a b", "X-Session-ID: loadgen-12"] {
            #expect(head.contains(line), "\(line)")
        }
        #expect(try !written({ $0.sessionHeader = "" }, session: 12).head.contains { $0.hasPrefix("X-Session") })
    }

    @Test("what would begin another header is refused by name, and never shown")
    func unsendable() throws {
        #expect(throws: RequestWriter.Unsendable(name: "Authorization")) { try written { $0.keys = ["a\r\nX: y"] } }
        #expect(throws: RequestWriter.Unsendable(name: "X Y")) { try written { $0.headers = [("X Y", "1")] } }
        #expect(throws: RequestWriter.Unsendable(name: "")) { try written { $0.tenantHeader = "" } }
    }
}

@Suite("Addresses of servers")
struct LoadTargetTests {
    @Test("host, port and prefix are told apart")
    func parts() throws {
        let plain = try LoadTarget(parsing: "http://127.0.0.1:8000/")
        #expect(plain.host == "127.0.0.1" && plain.port == 8000 && plain.prefix.isEmpty && plain.text == "http://127.0.0.1:8000")
        let named = try LoadTarget(parsing: "http://my-host.local/api//")
        #expect(named.host == "my-host.local" && named.port == 80 && named.prefix == "/api" && named.authority == "my-host.local")
        let six = try LoadTarget(parsing: "http://[fe80::1]:81")
        #expect(six.host == "fe80::1" && six.port == 81 && six.authority == "[fe80::1]:81")
        #expect(try LoadTarget(parsing: "http://127.0.0.1:1").resolved() == "127.0.0.1")
    }

    @Test(
        "what is no such address is refused",
        arguments: [
            "", "127.0.0.1:8000", "ftp://a", "http://", "http:///x", "http://a:0", "http://a:65536", "http://a:", "http://a b",
            "http://[::1",
            "http://a/b c", "http://a/\r\nX: y", "http://u@h", "http://a:8x", "http://[a]x:1",
        ])
    func nonsense(text: String) {
        #expect(throws: LoadTarget.Refusal.noURL(text)) { try LoadTarget(parsing: text) }
    }

    @Test("TLS is refused in words that say what to do")
    func tls() throws {
        #expect(throws: LoadTarget.Refusal.tls) { try LoadTarget(parsing: "https://api.example.com") }
        #expect(LoadTarget.Refusal.tls.description.contains("plain HTTP port"))
    }
}
