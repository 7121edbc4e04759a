import ClusterModel
import JSONText
import ServiceRuntime
import Telemetry
import Testing

@testable import ProcessKit

@Suite("What a collector of traces is told, and where")
struct OTLPTests {
    @Test("spans are told in OTLP's JSON, to the byte")
    func golden() throws {
        let trace = try #require(TraceID(high: 0x0AF7_6519_16CD_43DD, low: 0x8448_EB21_1C80_319C)), id = try #require(SpanID(0x1F))
        var span = Span(
            "POST /v1", trace: trace, id: id, parent: SpanID(0x2F), kind: .server, from: 1_700_000_000_000_000_001,
            to: 1_700_000_000_000_000_009)
        span.set("text", .text("a \"b\""))
        span.set("id", .id(0xABC))
        span.set("whole", .integer(-3))
        span.set("number", .number(1.5))
        span.set("flag", .flag(true))
        span.status = .error("lost")
        let root = Span("root", trace: trace, id: id, parent: nil, from: 5, to: 6)
        let document = OTLPDocument(
            resource: .init(serviceName: "apus-router", serviceNamespace: "apus", serviceInstance: "0012", serviceVersion: "9"))
        let expected = """
            {"resourceSpans":[{"resource":{"attributes":[\
            {"key":"service.name","value":{"stringValue":"apus-router"}},\
            {"key":"service.namespace","value":{"stringValue":"apus"}},\
            {"key":"service.instance.id","value":{"stringValue":"0012"}},\
            {"key":"service.version","value":{"stringValue":"9"}}]},\
            "scopeSpans":[{"scope":{"name":"apus","version":"9"},"spans":[\
            {"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"000000000000001f","parentSpanId":"000000000000002f",\
            "name":"POST /v1","kind":2,"startTimeUnixNano":"1700000000000000001","endTimeUnixNano":"1700000000000000009","attributes":[\
            {"key":"text","value":{"stringValue":"a \\"b\\""}},\
            {"key":"id","value":{"stringValue":"0000000000000abc"}},\
            {"key":"whole","value":{"intValue":"-3"}},\
            {"key":"number","value":{"doubleValue":1.5}},\
            {"key":"flag","value":{"boolValue":true}}],"status":{"code":2,"message":"lost"}},\
            {"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"000000000000001f",\
            "name":"root","kind":1,"startTimeUnixNano":"5","endTimeUnixNano":"6","attributes":[]}]}]}]}
            """
        #expect(String(decoding: document.bytes(of: [span, root]), as: UTF8.self) == expected)
    }

    @Test("a collector's answer says how many spans it threw away, in either spelling, and may say nothing")
    func rejected() {
        func read(_ text: String) -> Int { OTLPDocument.rejected(in: Array(text.utf8)).count }
        #expect(read(#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"why"}}"#) == 3)
        #expect(read(#"{"partialSuccess":{"rejectedSpans":4}}"#) == 4)
        for text in ["", "{}", "<html>", #"{"partialSuccess":{}}"#, #"{"partialSuccess":{"rejectedSpans":-1}}"#, "[]"] {
            #expect(read(text) == 0, "\(text)")
        }
    }

    @Test("a collector is named by http:// and an address, with a path or without")
    func endpoint() throws {
        let cases = [
            ("http://127.0.0.1:4318", "127.0.0.1", 4318, "/v1/traces"), ("http://localhost:80/", "localhost", 80, "/v1/traces"),
            ("http://[::1]:4318/otlp/", "[::1]", 4318, "/otlp/v1/traces"), ("http://10.0.0.9:1/a/b", "10.0.0.9", 1, "/a/b/v1/traces"),
        ]
        for (text, host, port, target) in cases {
            let endpoint = try OTLPEndpoint(text)
            #expect(endpoint.host == host && Int(endpoint.port) == port && endpoint.target == target, "\(text)")
        }
    }

    @Test(
        "what cannot be asked is refused with what to do",
        arguments: [
            ("https://127.0.0.1:4318", "collector beside this process"), ("127.0.0.1:4318", "http://HOST:PORT"), ("", "http://HOST:PORT"),
            ("http://127.0.0.1", "HOST:PORT"), ("http://:4318", "HOST:PORT"), ("http://127.0.0.1:0", "HOST:PORT"),
            ("http://127.0.0.1:70000", "HOST:PORT"), ("http://collector:4318", "address"), ("http://127.0.0.1:4318/a b", "HOST:PORT"),
            ("http://127.0.0.1:4318/a?b", "HOST:PORT"), ("http://user@127.0.0.1:4318", "HOST:PORT"), ("http://a.b.c:4318", "address"),
        ])
    func refused(text: String, remedy: String) {
        do throws(ValueProblem) {
            _ = try OTLPEndpoint(text)
            Issue.record("\(text) was taken")
        } catch { #expect(error.remedy.contains(remedy), "\(error)") }
    }

    @Test("without an endpoint there are no traces; a share is one from 0 to 1")
    func options() throws {
        var table = OptionTable(ProcessDescription(name: "x", summary: "x", protocolVersion: "1"))
        let options = TraceOptions(in: &table)
        func resolve(_ arguments: [String]) -> Resolution { table.resolve(arguments: arguments, environment: [:], files: .system) }
        #expect(try options.settings(resolve([]).configuration) == nil)
        let settings = try #require(try options.settings(resolve(["--otlp-endpoint", "http://127.0.0.1:4318"]).configuration))
        #expect(settings.sampler == TraceSampler(ratio: 1) && settings.endpoint.port == 4318)
        let half = resolve(["--otlp-endpoint", "http://127.0.0.1:1", "--trace-sample-ratio", "0.5"])
        #expect(try options.settings(half.configuration)?.sampler == TraceSampler(ratio: 0.5))
        for wrong in [["--trace-sample-ratio", "1.5"], ["--trace-sample-ratio", "-1"], ["--otlp-endpoint", "https://127.0.0.1:1"]] {
            #expect(resolve(wrong).errors.count == 1, "\(wrong)")
        }
    }
}
