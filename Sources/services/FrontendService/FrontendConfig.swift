import ClusterModel
package import HTTPServing
package import ProcessKit
package import ServiceRuntime
import TLS
package import Transport
import WireProtocol

/// What a frontend is told at its start, beside what every process is told.
package struct FrontendConfig: Sendable {
    package var listenHost = "127.0.0.1"
    package var listenPort: UInt16 = 8000
    package var publish = Address(host: "127.0.0.1", port: 8002)
    package var routers = [Address(host: "127.0.0.1", port: 8100)]
    package var limits = FrontendLimits()
    package var http = HTTPLimits()
    var dialect = DialectOptions()
    var sessions = SessionSettings()
    var tenants = TenantSettings()
    /// Nil: clients speak plain HTTP.
    var certificates: CertificateSet?

    /// The tenants' file is watched there, and no longer where the options said: for simulations, which have no file system.
    package mutating func watchTenants(_ file: WatchedFile) { tenants.file = file }

    package init() {}
}

/// The options of `frontend`.
package struct FrontendOptions: Sendable {
    package let table: OptionTable
    package let process: ProcessOptions
    private let listen: OptionKey<String>
    private let certificates: CertificateOptions
    /// Where its state is published.
    package let publish: OptionKey<String>
    private let routers: OptionKey<[String]>
    private let dispatch: OptionKey<Duration>
    private let queue: OptionKey<Duration>
    private let routerReturn: OptionKey<Duration>
    private let rendezvous: OptionKey<Duration>
    private let firstToken: OptionKey<Duration>
    private let silence: OptionKey<Duration>
    private let total: OptionKey<Duration>
    private let keepalive: OptionKey<Duration>
    private let retryShare: OptionKey<Double>
    private let retryFloor: OptionKey<Int>
    private let breakerFailures: OptionKey<Int>
    private let sessions: SessionOptions
    private let tenants: TenantOptions
    private let promptMemory: OptionKey<Int>
    private let stripPreamble: OptionKey<Bool>
    private let requests: OptionKey<Int>
    private let connections: OptionKey<Int>
    private let headerBytes: OptionKey<Int>
    private let bodyBytes: OptionKey<Int>
    private let bodyMemory: OptionKey<Int?>
    private let headerLimit: OptionKey<Duration>
    private let bodyLimit: OptionKey<Duration>
    private let idleLimit: OptionKey<Duration>
    private let writeStall: OptionKey<Duration>

    package init() {
        let limits = FrontendLimits(), http = HTTPLimits()
        var table = OptionTable(
            ProcessDescription(
                name: "frontend",
                summary: "Serves OpenAI's HTTP API: reads requests, asks a router where they run, and streams what the workers produce.",
                protocolVersion: WireVersion.current.description,
                examples: [
                    .init("frontend", "serves on 127.0.0.1:8000 with the router at tcp://127.0.0.1:8100"),
                    .init(
                        "frontend --listen 0.0.0.0:8000 --tenants-file tenants.json --routers tcp://10.0.0.5:8100,tcp://10.0.0.6:8100",
                        "serves everywhere, whoever has a key, with two routers"),
                    .init(
                        "frontend --listen 0.0.0.0:8443 --tenants-file tenants.json --https-cert-file cert.pem --https-key-file key.pem",
                        "the same over HTTPS, so that keys and prompts travel encrypted"),
                ]))
        table.group("Serving")
        listen = table.option("listen", .address(.http), default: "127.0.0.1:8000", help: "Where clients connect.")
        certificates = .ofClients(in: &table)
        routers = table.list(
            "routers", .address(.peer), default: ["tcp://127.0.0.1:8100"], count: 1...16, help: "Every router of the cluster.")
        publish = table.option(
            "publish", .address(.listener), default: "tcp://127.0.0.1:8002",
            help: "Where this frontend's own state is published; port 0 lets the system choose.")
        table.group("Time limits of a request")
        dispatch = table.option(
            "dispatch-limit", .duration(.milliseconds(10)...(.seconds(60))), default: limits.dispatch,
            help: "From a router's plan to the worker's acceptance, an attempt.")
        queue = table.option(
            "queue-limit", .duration(.milliseconds(1)...(.seconds(600))), default: limits.queue,
            help: "How long a request may wait for a worker in the routers' queue; a router's own limit may be lower.")
        routerReturn = table.option(
            "router-wait", .duration(.zero...(.seconds(120))), default: limits.routerReturn,
            help: "How long a request waits for a router when none can be reached.")
        rendezvous = table.option(
            "rendezvous-limit", .duration(.milliseconds(100)...(.seconds(600))), default: limits.rendezvous,
            help: "How long the two workers of a split request wait for each other.")
        firstToken = table.option(
            "first-token-limit", .duration(.milliseconds(100)...(.seconds(3_600))), default: limits.firstToken,
            help: "From acceptance to the first token.")
        silence = table.option(
            "silence-limit", .duration(.milliseconds(100)...(.seconds(3_600))), default: limits.silence, help: "Between two tokens.")
        total = table.option(
            "total-limit", .duration(.seconds(1)...(.seconds(86_400))), default: limits.total, help: "From arrival to the end.")
        keepalive = table.option(
            "keepalive", .duration(.seconds(1)...(.seconds(3_600))), default: limits.keepalive,
            help: "A silent stream gets a comment line after this long.")
        table.group("Failures")
        retryShare = table.option(
            "retry-share", .number(0...1), default: limits.retries.share,
            help: "Further attempts that a model's requests may have after failures, as a share of those that came in the last 10 s.")
        retryFloor = table.option(
            "retry-floor", .integer(0...10_000), default: limits.retries.fewest,
            help: "So many of them in 10 s at least, however little is asked.")
        breakerFailures = table.option(
            "breaker-failures", .integer(0...1_000), default: limits.breaker.failures,
            help: "A worker that fails so many requests in a row is given no others for a moment; 0: never.")
        sessions = SessionOptions(in: &table)
        tenants = TenantOptions(in: &table)
        table.group("Text")
        promptMemory = table.option(
            "prompt-memory-bytes", .integer(0...(64 << 30)), default: limits.promptMemoryBytes,
            help: "Latest prompts of each model and their tokens, so that only what a chat has grown by is encoded; 0: none.")
        stripPreamble = table.flag(
            "strip-anthropic-preamble", default: DialectOptions().stripsPreamble,
            help: "Leave out the line about billing before system prompts on /v1/messages, which would keep caches from being found.")
        table.group("HTTP limits")
        requests = table.option("max-requests", .integer(1...1_000_000), default: limits.requests, help: "Requests running at once.")
        connections = table.option("max-connections", .integer(1...1_000_000), default: http.connections, help: "Client connections.")
        headerBytes = table.option("max-header-bytes", .integer(1_024...1_048_576), default: http.headerBytes, help: "Of one request.")
        bodyBytes = table.option("max-body-bytes", .integer(1_024...268_435_456), default: http.bodyBytes, help: "Of one request.")
        bodyMemory = table.optional(
            "body-memory", .bytes(1_024...(64 << 30)),
            help: """
                Of all requests that are held at once; further ones are answered 503. By default an eighth of the memory that the process may \
                have, and 1GiB at the most.
                """)
        headerLimit = table.option(
            "header-limit", .duration(.milliseconds(100)...(.seconds(600))), default: http.headerDeadline,
            help: "A request's head must be there after this long, however it trickles.")
        bodyLimit = table.option(
            "body-limit", .duration(.milliseconds(100)...(.seconds(3_600))), default: http.bodyDeadline, help: "The same for its body.")
        idleLimit = table.option(
            "idle-limit", .duration(.milliseconds(100)...(.seconds(3_600))), default: http.idle,
            help: "A connection without a request is closed after this long.")
        writeStall = table.option(
            "write-stall-limit", .duration(.milliseconds(100)...(.seconds(3_600))), default: http.writeStall,
            help: "A client that takes no byte for this long is cut off.")
        process = ProcessOptions(in: &table, role: .frontend, admin: "127.0.0.1:8001")
        tenants.check(&table, listen: listen, secret: process.secret)
        table.check(firstToken, total) { [firstToken, total] resolved in
            guard resolved[firstToken] > resolved[total] else { return [] }
            return [
                resolved.issue(
                    firstToken, problem: "it is longer than the limit of the whole request", remedy: "lower it, or raise total-limit")
            ]
        }
        self.table = table
    }

    package func config(_ resolved: ResolvedConfiguration) throws -> FrontendConfig {
        var config = FrontendConfig()
        let address = try AddressText(resolved[listen], rule: .http)
        config.listenHost = address.host
        config.listenPort = address.port
        config.publish = try Address(parsing: resolved[publish])
        config.routers = try resolved[routers].map { text in try Address(parsing: text) }
        config.limits.dispatch = resolved[dispatch]
        config.limits.queue = resolved[queue]
        config.limits.routerReturn = resolved[routerReturn]
        config.limits.rendezvous = resolved[rendezvous]
        config.limits.firstToken = resolved[firstToken]
        config.limits.silence = resolved[silence]
        config.limits.total = resolved[total]
        config.limits.keepalive = resolved[keepalive]
        config.limits.retries.share = resolved[retryShare]
        config.limits.retries.fewest = resolved[retryFloor]
        config.limits.breaker.failures = resolved[breakerFailures]
        config.sessions = sessions.settings(resolved)
        config.tenants = try tenants.settings(resolved)
        config.certificates = certificates.set(resolved)
        config.limits.promptMemoryBytes = resolved[promptMemory]
        config.dialect.stripsPreamble = resolved[stripPreamble]
        config.limits.requests = resolved[requests]
        config.http.connections = resolved[connections]
        config.http.headerBytes = resolved[headerBytes]
        config.http.bodyBytes = resolved[bodyBytes]
        config.http.allBodiesBytes = resolved[bodyMemory] ?? Self.bodyMemory(config.http)
        config.http.headerDeadline = resolved[headerLimit]
        config.http.bodyDeadline = resolved[bodyLimit]
        config.http.idle = resolved[idleLimit]
        config.http.writeStall = resolved[writeStall]
        return config
    }

    /// A body is there several times while it is read: as it came, as its members, as a prompt and its tokens.
    private static let bodyShare = 8

    /// What clients can make the process hold ends well before its memory does; but one request of the largest size is always taken.
    private static func bodyMemory(_ http: HTTPLimits) -> Int {
        guard let allowance = MemoryAllowance.bytes() else { return http.allBodiesBytes }
        return min(http.allBodiesBytes, max(allowance / bodyShare, http.bodyBytes))
    }
}
