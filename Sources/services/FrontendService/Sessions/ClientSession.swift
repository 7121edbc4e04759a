import ClusterModel
import EventLoop
import HTTPServing
import OpenAIDialect
import ProcessKit
import WireProtocol

/// The session of one request, as its client names it.
struct ClientSession: Sendable {
    enum Source: String, CaseIterable, Sendable { case body, header, cookie }

    let key: SessionKey
    let action: SessionHint.Action
    /// 0: the worker's default.
    let ttlSeconds: UInt32
    let source: Source
    /// What the client's cookie says, if it is this session's.
    var cookie: SessionCookie.Content?

    init(key: SessionKey, action: SessionHint.Action, ttlSeconds: UInt32 = 0, source: Source, cookie: SessionCookie.Content? = nil) {
        self.key = key
        self.action = action
        self.ttlSeconds = ttlSeconds
        self.source = source
        self.cookie = cookie
    }
}

extension FrontendSessions {
    /// What names the session, strongest first: our own header; the body; the headers of others, which some proxy may have set; the cookie.
    ///
    /// A header names a session, and a body says besides what is to become of it: `session_control` with our header keeps its action and time. A
    /// client that says no more than a name wants it bound.
    func session(of request: HTTPRequest, body: SessionHint?, tenant: String) throws(DialectError) -> ClientSession? {
        let header = try named(request)
        func session(_ id: String, _ source: ClientSession.Source) -> ClientSession {
            let key = SessionKey(tenant: tenant, id: id)
            guard let body else { return ClientSession(key: key, action: .bind, source: source) }
            return ClientSession(key: key, action: body.action, ttlSeconds: body.timeoutSeconds ?? 0, source: source)
        }
        var found: ClientSession?
        if let header, header.isOwn || body == nil {
            found = session(header.id, .header)
        } else if let body {
            found = session(body.id, .body)
        }
        guard let name = settings.cookie else { return found }
        let cookie = request.headers.cookie(name).flatMap { self.cookie.content($0, tenant: tenant, now: now) }
        if found == nil {
            let id = cookie?.id ?? Base64URL.text(frontend.context.loop.secureRandomBytes(Self.drawnBytes))
            return ClientSession(key: SessionKey(tenant: tenant, id: id), action: .bind, source: .cookie, cookie: cookie)
        }
        if let cookie, cookie.id == found?.key.id { found?.cookie = cookie }
        return found
    }

    /// As hard to guess as a key.
    private static let drawnBytes = 16

    /// The first of the headers that is there and not empty.
    private func named(_ request: HTTPRequest) throws(DialectError) -> (id: String, isOwn: Bool)? {
        for name in settings.headers {
            guard let id = request.headers[named: name], !id.isEmpty else { continue }
            guard id.utf8.count <= Limits.labelBytes else {
                throw DialectError(
                    message: "The header '\(name)' is too long: a session's name has at most \(Limits.labelBytes) bytes.", param: name,
                    code: "invalid_value")
            }
            return (id, name == SessionSettings.ownHeader)
        }
        return nil
    }
}
