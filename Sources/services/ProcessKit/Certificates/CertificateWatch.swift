import ClusterModel
package import EventLoop
package import ServiceRuntime
import Telemetry
package import TLS

/// Looks at the files of a certificate now and then, and has new connections use them once they have changed. A set that is not whole, or not
/// valid, changes nothing: the earlier one stays in force, a warning names the file, and a gauge says so. Also says when the end is near.
@LoopActor
package final class CertificateWatch {
    package let name: String
    private let use: CertificateUse
    private let files: [WatchedFile]
    private let context: ProcessContext
    private let metrics: CertificateMetrics
    private let install: @LoopActor (CertificateSet) throws(TLSFault) -> Void
    private var expires: Int64
    private var warned: Instant?
    private lazy var watch = FileWatch(files, every: CertificateLimits.poll, context: context, read: Self.read) { [weak self] in
        self?.take($0)
    }

    /// `install` has new connections use a set that was found well; what it throws counts as a refusal.
    package init(
        _ use: CertificateUse, _ set: CertificateSet, context: ProcessContext,
        files: @Sendable (String) -> WatchedFile = { WatchedFile($0) },
        install: @escaping @LoopActor (CertificateSet) throws(TLSFault) -> Void
    ) throws(TLSFault) {
        name = "certificates of \(use.rawValue)"
        self.use = use
        self.context = context
        self.install = install
        self.files = [set.certificate.path, set.key.path].map(files) + (set.authority.map { [files($0.path)] } ?? [])
        metrics = CertificateMetrics(registry: context.metrics)
        expires = try TLSIdentity.end(of: set, now: context.loop.wallClockMilliseconds / 1_000)
        metrics.began(use, expires: expires)
        context.certificates.holds(use, file: set.certificate.path, expires: expires)
        inForce = set
    }

    private var inForce: CertificateSet

    // MARK: Service

    package func start() async throws {
        warnIfEnding()
        watch.looks = { [weak self] in self?.warnIfEnding() }
        watch.start()
    }

    package func drain() async -> Bool { true }

    package func stop() { watch.stop() }

    // MARK: Changes

    private struct Found: Sendable {
        let set: CertificateSet
        let expires: Int64
    }

    private nonisolated static func read(_ files: [WatchedFile], now: Int64) throws(TLSFault) -> Found {
        var read: [PEMFile] = []
        for file in files {
            do throws(FileReadError) { read.append(PEMFile(file.path, try file.read(TLSLimits.fileBytes))) } catch {
                throw TLSFault(file.path, error.reason)
            }
        }
        let set = CertificateSet(certificate: read[0], key: read[1], authority: read.count > 2 ? read[2] : nil)
        return Found(set: set, expires: try TLSIdentity.end(of: set, now: now))
    }

    private func take(_ result: Result<Found, TLSFault>) {
        do throws(TLSFault) {
            let found = try result.get()
            guard found.set != inForce else { return holds() }
            try install(found.set)
            inForce = found.set
            expires = found.expires
            warned = nil
            holds()
            metrics.read(use, .taken)
            context.log.info("certificate changed", ["use": .text(use.rawValue), "ends_in_days": .integer(daysLeft)])
            warnIfEnding()
        } catch { refuse(error) }
    }

    private func holds() {
        metrics.holds(use, expires: expires)
        context.certificates.holds(use, file: files[0].path, expires: expires)
    }

    private func refuse(_ fault: TLSFault) {
        metrics.stale(use)
        context.certificates.refused(use, fault.description)
        metrics.read(use, .refused)
        context.log.warning(
            "certificate refused",
            [
                "use": .text(use.rawValue), "file": .text(fault.file), "reason": .text(fault.reason),
                "remedy": .text("mend the files; until then new connections get the earlier ones"),
            ])
    }

    // MARK: Its end

    private var secondsLeft: Int64 { expires - context.loop.wallClockMilliseconds / 1_000 }
    private var daysLeft: Int64 { secondsLeft / 86_400 }

    private func warnIfEnding() {
        guard secondsLeft < CertificateLimits.warnedSeconds else { return }
        let now = context.loop.now
        if let warned, warned.duration(to: now) < CertificateLimits.warningInterval { return }
        warned = now
        let told: LogFields = [
            "use": .text(use.rawValue), "file": .text(files[0].path), "ends_in_days": .integer(daysLeft),
            "remedy": .text("put a new certificate and its key there; no restart is needed"),
        ]
        if secondsLeft > 0 { context.log.warning("certificate ends soon", told) } else { context.log.error("certificate has ended", told) }
    }
}

extension CertificateWatch: @LoopActor Service {}
