import ClusterModel
import EventLoop
import HTTPServing
import Telemetry

/// Lets in who shows the token: in the head of each request, or once in a form, for which a browser gets a cookie.
///
/// The cookie is no token: it says until when it is good, signed with a number of this process's own life and with the token's digest. So it ends by
/// itself, with the process, and with the token, and nothing is kept of it.
@LoopActor
final class AdminGate {
    private(set) var token: AdminToken
    private let context: ProcessContext
    private let metrics: AdminMetrics
    private let isEncrypted: Bool
    private let key: [UInt8]
    private var tries = WrongTries()
    private var lines = RateLimit(lines: 5, perMilliseconds: 60_000)
    /// Where the admin side is reached: a browser keeps the cookies of all ports of a host together.
    var port: UInt16 = 0

    init(_ token: AdminToken, isEncrypted: Bool, metrics: AdminMetrics, context: ProcessContext) {
        self.token = token
        self.isEncrypted = isEncrypted
        self.metrics = metrics
        self.context = context
        key = context.loop.secureRandomBytes(Digest.byteCount)
    }

    /// From now on another one opens; who signed in with the old one has to do so again.
    func change(to token: AdminToken) { self.token = token }

    // MARK: Who asks

    /// Nil for who may go on.
    /// - Parameter takesSession: a browser that signed in will do. What changes anything asks for the token itself.
    func refusal(of exchange: HTTPExchange, takesSession: Bool) -> AdminRefusal? {
        let headers = exchange.request.headers, given = headers.values(of: "authorization")
        if takesSession, let text = headers.cookie(cookie), isSession(text) { return nil }
        guard let first = given.first else {
            metrics.refused(.missing)
            return AdminRefusal(.unauthorized, field: "Authorization", "the admin side of this process asks for its token")
        }
        return refusal(of: given.count == 1 ? HTTPHeaders.bearer(first) : nil, from: exchange.peer)
    }

    /// Nil for the token; every other text is counted against the address that sent it.
    func refusal(of text: String?, from address: String) -> AdminRefusal? {
        let now = context.loop.now
        if let pause = tries.pause(of: address, at: now) {
            metrics.refused(.limited)
            return .tooManyTries(pause)
        }
        if let text, token.isSame(as: text) { return nil }
        tries.count(address, at: now)
        metrics.refused(.wrong)
        context.log.limited(lines.admit("wrong", atMilliseconds: now.nanoseconds / 1_000_000))?.warning(
            "admin token refused", ["peer": .text(address)])
        return AdminRefusal(.unauthorized, field: "Authorization", "that is not the admin token")
    }

    // MARK: Browsers

    /// For a browser whose user has shown the token.
    func session() -> HTTPField {
        let value = session(until: (context.loop.now + AdminLimits.session).nanoseconds)
        let age = AdminLimits.session.components.seconds
        return HTTPField(
            "Set-Cookie",
            "\(cookie)=\(value); Path=/; Max-Age=\(age); HttpOnly; SameSite=Strict" + (isEncrypted ? "; Secure" : ""))
    }

    private var cookie: String { (isEncrypted ? "__Host-" : "") + "apus-admin-\(port)" }

    private func isSession(_ text: String) -> Bool {
        guard let end = Int64(text.prefix { $0 != "." }), end > context.loop.now.nanoseconds else { return false }
        return ConstantTime.areEqual(Array(text.utf8), Array(session(until: end).utf8))
    }

    private func session(until end: Int64) -> String {
        var code = HMAC(key: key)
        code.update(token.digest.bytes)
        code.update(Array("\(end)".utf8))
        return "\(end).\(code.finalize())"
    }
}
