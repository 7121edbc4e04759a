import ClusterModel
@testable import FrontendService
@testable import HTTPServing
import OpenAIDialect
@testable import ProcessKit
import Telemetry
import WireProtocol

extension FuzzTarget {
    /// A whole request, and all that is read from its fields before its body is: keys, places, sessions, traces, labels, and from the body of an
    /// operator's order. Whatever they say, each is taken as one thing, or refused with the name of its field.
    static let clientFields = FuzzTarget(name: "client-fields", longest: 2048) { bytes in
        guard let request = wholeRequest(bytes) else { return }
        let headers = request.headers
        if case .key(let digest) = PresentedKey(headers) {
            demand(PresentedKey(headers) == .key(digest), "one key has two digests")
        }
        var places = RoutingHints()
        do throws(DialectError) {
            let name = try places.takePlaces(from: request)
            demand((name == nil) == (places == RoutingHints()), "a place is taken from no field")
            demand(
                name != nil || (try? request.refusePlaces()) != nil || headers["x-prefill-dp-rank"] != nil, "what was not taken is refused")
        } catch { demand(error.param?.hasPrefix("x-") == true, "a refusal names no field") }
        if let label = request.requestLabel {
            demand(label.utf8.allSatisfy { (0x21...0x7E).contains($0) }, "a label that breaks a log line")
        }
        for text in headers.values(of: "traceparent") {
            guard let parent = TraceParent(parsing: text) else { continue }
            demand(TraceParent(parsing: parent.text) == parent, "a place in a trace is not read back")
        }
        for text in headers.values(of: "cookie") { session(text) }
        for (name, value) in request.query {
            demand(name.utf8.count + value.utf8.count <= 3 * bytes.count, "a query is longer than it came")
        }
        order(request)
    }

    private static func wholeRequest(_ bytes: UnsafeRawBufferPointer) -> HTTPRequest? {
        var parser = RequestParser(HTTPLimits()), cursor = 0, request: HTTPRequest?
        do throws(HTTPRefusal) {
            while true {
                switch try parser.next(bytes, from: &cursor) {
                case .needsMore: return nil
                case .head(let head):
                    request = HTTPRequest(head, receivedAt: .zero, remoteIsLoopback: true)
                    try parser.readBody(upTo: 4096, keeping: true)
                case .complete:
                    request?.body = parser.takeBody()
                    return request
                }
            }
        } catch { return nil }
    }

    private static let cookies = SessionCookie(secret: Array("a secret of the cluster".utf8))

    /// What comes is nobody's but by a forged signature; what one of ours says is read back.
    private static func session(_ text: String) {
        demand(cookies.content(text, tenant: "t", now: 0) == nil, "a cookie that nobody signed is taken")
        if let bytes = Base64URL.bytes(text) { demand(Base64URL.text(bytes) == text, "one value has two forms") }
        guard text.utf8.count <= Limits.labelBytes else { return }
        let worker = UInt64(text.utf8.count), hint = PlacementRef(workerID: worker, rank: text.isEmpty ? nil : 3)
        let content = SessionCookie.Content(id: text, hint: worker == 0 ? nil : hint, expiresAt: 9)
        let made = cookies.text(content, tenant: "t", nonce: [UInt8](repeating: 5, count: SessionCookie.nonceBytes))
        demand(text.isEmpty || cookies.content(made, tenant: "t", now: 8) == content, "a cookie of ours is not read back")
        demand(cookies.content(made, tenant: "u", now: 8) == nil, "another tenant's cookie is taken")
    }

    private enum Word: String, CaseIterable { case aggregated, prefill, decode }

    private static func order(_ request: HTTPRequest) {
        do throws(AdminRefusal) {
            var order = try AdminOrder(request)
            if let seconds = try order.integer("limit_seconds", in: 0...3_600) {
                demand((0...3_600).contains(seconds), "out of its bounds")
            }
            if let rate = try order.number("rate", in: 0...1) { demand((0...1).contains(rate), "out of its bounds") }
            _ = try order.text("text")
            _ = try order.truth("on")
            let _: Word = try order.word("role")
            try order.finish()
        } catch { demand(!error.reason.isEmpty, "a refusal says nothing") }
    }
}
