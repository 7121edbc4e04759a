import ClusterModel
import EventLoop
import HTTPServing
import OpenAIDialect
import ProcessKit
import Telemetry
import Transport
import WireProtocol

/// Who may use this frontend, and what each has used. Without a tenants' file everybody may, and nothing is counted.
@LoopActor
final class Tenants {
    private let context: ProcessContext
    /// Those that routers name.
    private let frontends: @LoopActor () -> [FrontendEntry]
    let metrics: TenantMetrics
    private(set) var book: TenantBook?
    private(set) var accounts: [String: TenantAccount] = [:]
    private let seed: UInt64
    private var saidAllAt = Instant.zero
    private var isClosed = false
    private lazy var peers = PeerCharges(own: context.identity.generation, loop: context.loop, network: context.network) {
        [weak self] name, news in
        guard let self else { return 0 }
        return accounts[name]?.chargedElsewhere(news, at: context.loop.now) ?? 0
    }

    init(context: ProcessContext, frontends: @escaping @LoopActor () -> [FrontendEntry]) {
        self.context = context
        self.frontends = frontends
        metrics = TenantMetrics(registry: context.metrics)
        // Where there is none, none is out of force.
        metrics.fileInForce.set(1)
        seed = context.loop.secureRandomUInt64()
    }

    /// Everybody needs a key.
    var areConfigured: Bool { book != nil }

    // MARK: The file

    /// From now on another file holds. Requests that run go on; a tenant that is gone is forgotten.
    func apply(_ file: TenantFile) throws(TenantFileError) {
        let book = try TenantBook(file, secret: context.policy.secret, seed: seed), now = context.loop.now
        // Before there are new ones: families hold as many tenants as a file, and no more.
        let names = Set(book.tenants.map(\.name))
        // Order: each is forgotten by itself.
        for name in accounts.keys where !names.contains(name) { metrics.remove(name) }
        var kept: [String: TenantAccount] = [:]
        for tenant in book.tenants {
            let account = accounts[tenant.name] ?? TenantAccount(tenant, metrics.series(of: tenant.name), at: now)
            account.change(to: tenant, at: now)
            kept[tenant.name] = account
        }
        accounts = kept
        // Only limits are held over all frontends.
        peers.ask(about: Set(book.tenants.filter(\.hasLimits).map(\.name)))
        self.book = book
        follow()
        metrics.tenants.set(Double(book.tenants.count))
        metrics.fileInForce.set(1)
    }

    // MARK: Who asks

    /// What a request gets that has no tenant; nil: it has one, or needs none. Asked when the head is there, so that no stranger's body is read.
    func refusal(of request: HTTPRequest) -> HTTPResponse? {
        guard areConfigured, request.method != .options, !Self.openPaths.contains(request.path) else { return nil }
        do throws(ServiceFailure) {
            _ = try tenant(of: request)
            return nil
        } catch {
            return .error(
                ErrorBody(error), ErrorStyle(path: request.path),
                requestID: request.requestLabel ?? Hexadecimal.text(context.loop.random.next()))
        }
    }

    /// For probes and for whoever writes a client: nothing of any tenant is there.
    private static let openPaths: Set<String> = Set(Health.paths + ["/version", "/openapi.json"])

    /// The tenant whose key the request has. Throws for one that has none.
    func tenant(of request: HTTPRequest) throws(ServiceFailure) -> Tenant {
        guard let book else { return .anyone }
        let stranger: TenantMetrics.Stranger
        switch PresentedKey(request.headers) {
        case .none: stranger = .missing
        case .malformed: stranger = .malformed
        case .key(let digest):
            if let tenant = book.tenant(of: digest) { return tenant }
            stranger = .unknown
        }
        metrics.turnedAway(stranger)
        throw ServiceFailure(.unauthenticated)
    }

    /// Lets a request in that is to run: it has a place among those that its tenant may run at once, until it ends.
    func admit(_ request: HTTPRequest) throws(ServiceFailure) -> TenantVisit {
        let tenant = try tenant(of: request), account = accounts[tenant.name]
        if let failure = account?.enter() {
            account?.series.ended(.limited)
            throw failure
        }
        return TenantVisit(tenant, account, on: context.loop)
    }

    /// Work that is done here alone, and costs no tokens: it has a place like any other request, until it is done.
    func during<Value: Sendable>(
        _ request: HTTPRequest, _ work: @LoopActor (Tenant) async throws(DialectError) -> Value
    ) async throws(DialectError) -> Value {
        let visit: TenantVisit
        do throws(ServiceFailure) { visit = try admit(request) } catch { throw DialectError(ErrorBody(error)) }
        do throws(DialectError) {
            let value = try await work(visit.tenant)
            visit.end(status: 200)
            return value
        } catch {
            visit.end(status: error.status)
            throw error
        }
    }

    /// Computed at a worker without a request that asked for it at this moment.
    func charge(_ tokens: TenantTokens, to tenant: Tenant) {
        accounts[tenant.name]?.settle(TenantTokens(), as: tokens, at: context.loop.now)
    }

    /// For the head of an answer to a request that was not let in, where a limit is why.
    func fields(for request: HTTPRequest, _ error: ErrorBody) -> [HTTPField] {
        guard error.status == 429, let book, case .key(let digest) = PresentedKey(request.headers), let tenant = book.tenant(of: digest)
        else { return [] }
        return accounts[tenant.name]?.allowance(at: context.loop.now).fields ?? []
    }

    // MARK: Other frontends

    /// What this frontend says of its tenants: each that has changed, and all of them now and then.
    func charges() -> [TenantCharge] {
        guard let book else { return [] }
        if isClosed { return book.tenants.compactMap { accounts[$0.name]?.lastCharge } }
        let now = context.loop.now, again = saidAllAt.duration(to: now) >= TenantLimits.repeatedTotals
        if again { saidAllAt = now }
        return book.tenants.compactMap { accounts[$0.name]?.charge(again: again) }
    }

    /// Follows the frontends that routers name, as long as anybody has limits.
    func follow() {
        guard areConfigured, !isClosed else { return }
        if peers.names.isEmpty { peers.close() } else { peers.follow(frontends()) }
        showPeers()
    }

    /// Other frontends whose words are waited for, heard or not.
    var peersFollowed: Int { peers.followed }

    func showPeers() { metrics.peers.set(Double(peers.heard)) }

    /// From now on what it says is its last word.
    func close() {
        isClosed = true
        peers.close()
    }

    /// The accounts as the file has them.
    var inOrder: [TenantAccount] { book?.tenants.compactMap { accounts[$0.name] } ?? [] }
    var now: Instant { context.loop.now }

    // Order: a sum.
    /// Requests of tenants that run here.
    var running: Int { accounts.values.reduce(0) { $0 + $1.running } }
}
