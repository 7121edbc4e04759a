import ClusterModel
import EventLoop
import HTTPServing
import ProcessKit
import Telemetry
import Transport
import WireProtocol

/// What the sessions of a frontend's clients share: how they are named, the cookie, and what is still to be closed. Where they are bound is the
/// workers' to say, and the routers' to know.
@LoopActor
final class FrontendSessions {
    unowned let frontend: Frontend
    let settings: SessionSettings
    let cookie: SessionCookie
    let metrics: SessionMetrics
    /// Sessions that are being closed for clients that have their answer, or have left.
    var closing = 0

    init(_ frontend: Frontend, _ settings: SessionSettings, registry: MetricsRegistry) {
        self.frontend = frontend
        self.settings = settings
        metrics = SessionMetrics(registry: registry)
        let context = frontend.context
        cookie = SessionCookie(secret: context.policy.secret.isEmpty ? context.loop.secureRandomBytes(32) : context.policy.secret)
        if settings.cookie != nil, context.policy.secret.isEmpty {
            context.log.warning(
                "without a cluster secret a session cookie is known by this process alone, until it ends",
                ["remedy": .text("give --cluster-secret-file")])
        }
    }

    /// Seconds since 1970, which cookies are dated by.
    var now: UInt64 { UInt64(max(0, frontend.context.loop.wallClockMilliseconds / 1_000)) }

    /// What the client is to keep of a session that was placed there, or somewhere not known yet; nil if what it has will do.
    func cookieField(for session: ClientSession, at placement: PlacementRef?) -> HTTPField? {
        guard let name = settings.cookie else { return nil }
        let attributes = "Path=/; HttpOnly; SameSite=Lax"
        if session.action == .close {
            return session.cookie.map { _ in HTTPField("set-cookie", "\(name)=; \(attributes); Max-Age=0") }
        }
        let life = UInt64(settings.cookieLife.inMilliseconds / 1_000)
        let hint = placement ?? session.cookie?.hint
        if let held = session.cookie, held.hint == hint, held.expiresAt > now + life / 2 { return nil }
        let content = SessionCookie.Content(id: session.key.id, hint: hint, expiresAt: now + life)
        let nonce = frontend.context.loop.secureRandomBytes(SessionCookie.nonceBytes)
        let text = cookie.text(content, tenant: session.key.tenant, nonce: nonce)
        return HTTPField("set-cookie", "\(name)=\(text); \(attributes); Max-Age=\(life)")
    }
}

/// What a frontend counts of sessions.
struct SessionMetrics: Sendable {
    enum Opening: String, CaseIterable, Sendable { case opened, refused, failed }

    private let requests: [ClientSession.Source: Counter]
    private let openings: [Opening: Counter]
    private let closings: [Bool: Counter]

    init(registry: MetricsRegistry) {
        let requests = registry.counterFamily(
            "apus_frontend_session_requests_total", help: "Requests with a session, by what named it: body, header or cookie.",
            labels: ["source"])
        self.requests = Dictionary(uniqueKeysWithValues: ClientSession.Source.allCases.map { ($0, requests.labels($0.rawValue)) })
        let openings = registry.counterFamily(
            "apus_frontend_sessions_opened_total",
            help: "Sessions opened at workers: opened, refused by the worker, or failed for want of an answer.", labels: ["outcome"])
        self.openings = Dictionary(uniqueKeysWithValues: Opening.allCases.map { ($0, openings.labels($0.rawValue)) })
        let closings = registry.counterFamily(
            "apus_frontend_sessions_closed_total", help: "Sessions that clients closed, by whether a worker or router was told.",
            labels: ["told"])
        self.closings = [true: closings.labels("yes"), false: closings.labels("no")]
    }

    func asked(_ source: ClientSession.Source) { requests[source]?.increment() }
    func opened(_ outcome: Opening) { openings[outcome]?.increment() }
    func closed(told: Bool) { closings[told]?.increment() }
}
