import EventLoop
package import ServiceRuntime
import TLS
import Telemetry
import Transport
import WireProtocol
import ClusterModel

/// The body of every executable: options, one loop, one list of services, run to the end.
package struct ProcessMain: Sendable {
    /// Builds the services of the process in order of dependency. What it throws is said in one line, and the process ends.
    package typealias Parts = @LoopActor @Sendable (ProcessContext, ResolvedConfiguration, AdminService, LoopHost) throws -> [any Service]

    private let table: OptionTable
    private let options: ProcessOptions
    private let id: @Sendable (ResolvedConfiguration) -> UInt64?
    private let command: @Sendable (ResolvedConfiguration) -> (code: ExitCode, output: String, complaint: String)?
    private let startLimit: Duration
    private let parts: Parts

    /// `listeners` are where peers connect; `id` is the process's lasting number, where it has one; `command` answers what is asked instead of a run.
    /// `startLimit` is for one service.
    package init(
        _ table: OptionTable, _ options: ProcessOptions, listeners: [OptionKey<String>],
        id: @escaping @Sendable (ResolvedConfiguration) -> UInt64? = { _ in nil },
        command: @escaping @Sendable (ResolvedConfiguration) -> (code: ExitCode, output: String, complaint: String)? = { _ in nil },
        startLimit: Duration = Self.usualStart, parts: @escaping Parts
    ) {
        var table = table
        for listener in listeners { options.guards(listener, in: &table) }
        self.startLimit = startLimit
        self.table = table
        self.options = options
        self.id = id
        self.command = command
        self.parts = parts
    }

    /// How long one service may take to start: a model file of hundreds of megabytes is read in that time.
    package static let usualStart = Duration.seconds(60)

    package func run(arguments: [String]) -> ExitCode {
        let environment = ProcessEnvironment.read()
        switch table.invocation(arguments: arguments, environment: environment, files: .system) {
        case .exit(let code, let text, let diagnostics):
            StandardStreams.output(text)
            StandardStreams.complain(diagnostics)
            return code
        case .run(let resolved, let warnings):
            for warning in warnings { StandardStreams.complain("\(warning)\n") }
            if let answer = command(resolved) {
                StandardStreams.output(answer.output)
                StandardStreams.complain(answer.complaint)
                return answer.code
            }
            do { return try serve(resolved, SystemdNotify(environment: environment)) } catch {
                StandardStreams.complain("\(table.process.name): \(error)\n")
                return .failure
            }
        }
    }

    private func serve(_ resolved: ResolvedConfiguration, _ systemd: SystemdNotify) throws -> ExitCode {
        DescriptorLimit.raise()
        let loop = try EpollLoop(name: table.process.name)
        let metrics = MetricsRegistry(namespace: resolved[options.metricsNamespace])
        let log = logger(resolved, loop, metrics)
        let outcome = Outcome()
        loop.spawn {
            do { outcome.code = try await serve(resolved, systemd, on: loop, metrics, log) } catch {
                log.error("not started", ["reason": .text("\(error)")])
            }
            loop.stop()
        }
        loop.run()
        return outcome.code
    }

    @LoopActor
    private func serve(
        _ resolved: ResolvedConfiguration, _ systemd: SystemdNotify, on loop: EpollLoop, _ metrics: MetricsRegistry, _ log: Logger
    ) async throws -> ExitCode {
        let certificates = options.tls(resolved)
        let network = try NngNetwork(on: loop, tls: certificates.map(TLSTexts.init))
        // What hangs in a socket's end does not keep the process.
        defer { if !network.close() { log.warning("a socket did not close", ["within": .duration(WorkPool.closing)]) } }
        let pool = WorkPool()
        defer { pool.close() }
        let memory = MemoryReturn(on: loop, pool: pool)
        defer { memory.stop() }
        let policy = options.policy(resolved, id: id(resolved), on: loop)
        let traces = try options.traces.settings(resolved)
        let context = ProcessContext(
            loop: loop, network: network, sockets: EpollSockets(on: loop), pool: pool,
            log: log.with(["role": .text("\(policy.identity.role)"), "id": .hex(policy.identity.id)]), metrics: metrics, policy: policy,
            advertisedHost: resolved[options.advertisedHost], tracer: Tracer(on: loop, sampler: traces?.sampler))
        let host = LoopHost(on: loop, log: context.log, systemd: systemd)
        let signals = SignalSource(try UnixSignals(), host: host)
        let descriptor = signals.descriptor
        try loop.watch(descriptor, for: .readable, signals)
        defer { loop.unwatch(descriptor) }

        let admin = AdminService(
            context, listen: try AddressText(resolved[options.adminListen], rule: .http), access: try options.admin.access(resolved),
            isReady: { host.isReady })
        let grace = DrainGrace(resolved[options.drainGrace], loop: loop)
        // After the parts in the order of the end: the last of their spans leave, too.
        let exporter = traces.map { TraceExporter(to: $0.endpoint, context) }
        let watch = try certificates.map { set in
            try CertificateWatch(.links, set, context: context) { (set) throws(TLSFault) in
                do throws(TransportError) { try network.renew(TLSTexts(set)) } catch { throw TLSFault(set.certificate.path, "\(error)") }
            }
        }
        let services: [any Service] =
            [admin] + (watch.map { [$0, FeedStrangers(context) { network.encryptedFeeds }] } ?? []) + (exporter.map { [$0] } ?? [])
            + (try parts(context, resolved, admin, host)) + [grace]
        // Neither the grace nor a collector that hangs takes from what running work may take.
        let flush = exporter == nil ? .zero : TraceLimits.flush
        let limit = resolved[options.drainLimit] + resolved[options.drainGrace] + flush
        let code = await ServiceGroup(services, startLimit: startLimit, drainLimit: limit).run(on: host)
        // Goodbyes that were said in the last turn leave, and are acknowledged.
        await loop.sleep(for: .milliseconds(20))
        return code
    }

    private func logger(_ resolved: ResolvedConfiguration, _ loop: Loop, _ metrics: MetricsRegistry) -> Logger {
        let style: LogStyle =
            switch resolved[table.standard.logFormat] {
            case .auto: .detected()
            case .json: .json
            case .human: .readable(colours: false)
            }
        return Logger(
            level: LogLevel(name: resolved[table.standard.logLevel]) ?? .info, style: style, sink: DescriptorSink(), metrics: metrics,
            wallClock: { loop.wallClockMilliseconds })
    }

    private final class Outcome: @unchecked Sendable {
        // Safety: written on the loop, read on the same thread after the loop has ended.
        var code = ExitCode.failure
    }
}

/// Signals of the process, told to its host.
@LoopActor
private final class SignalSource: FileEventHandler {
    private var signals: UnixSignals
    private let host: LoopHost
    var descriptor: Int32 { signals.fileDescriptor }

    init(_ signals: consuming UnixSignals, host: LoopHost) {
        self.signals = signals
        self.host = host
    }

    func ready(_ events: FileEvents) {
        for signal in signals.drain() {
            switch signal {
            case .drain(let name): host.request(.requested(by: name))
            case .leaveNow(let name): host.request(.leaveNow(by: name))
            case .hangup: break  // nothing is read again at run time
            }
        }
    }
}

/// Drains first, since it stands last: readiness is already false, and everything still serves.
@LoopActor
private final class DrainGrace {
    let name = "drain grace"
    private let span: Duration
    private let loop: Loop

    init(_ span: Duration, loop: Loop) {
        self.span = span
        self.loop = loop
    }

    func start() async throws {}
    func drain() async -> Bool {
        if span > .zero { await loop.sleep(for: span) }
        return true
    }
    func stop() {}
}

extension DrainGrace: @LoopActor Service {}
