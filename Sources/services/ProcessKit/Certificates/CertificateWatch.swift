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
    /// Of the set that was judged last, and of what the last look found.
    private var judged: [FileStamp?]
    private var found: [FileStamp?]
    private var warned: Instant?
    private var timer: TimerHandle?
    private var isClosed = false

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
        // Nothing is known of when the files were read: the first looks read them again, and find the same.
        judged = []
        found = []
        metrics.began(use, expires: expires)
        inForce = set
    }

    private var inForce: CertificateSet

    // MARK: Service

    package func start() async throws {
        warnIfEnding()
        schedule()
    }

    package func drain() async -> Bool { true }

    package func stop() {
        isClosed = true
        context.loop.cancel(timer)
    }

    private func schedule() {
        timer = context.loop.schedule(after: CertificateLimits.poll) { [weak self] in
            guard let self, !isClosed else { return }
            context.loop.spawn { [weak self] in
                await self?.look()
                if self?.isClosed == false { self?.schedule() }
            }
        }
    }

    // MARK: Looking

    private enum Finding: Sendable {
        case stamps([FileStamp?])
        case good([FileStamp?], CertificateSet, Int64)
        case wrong([FileStamp?], TLSFault)
    }

    private func look() async {
        guard !isClosed else { return }
        warnIfEnding()
        let finding: Finding, now = context.loop.wallClockMilliseconds / 1_000
        do throws(WorkPool.Full) {
            finding = try await context.loop.offload(to: context.pool, virtualCost: .microseconds(100)) { [files, found, judged] in
                Self.look(at: files, found: found, judged: judged, now: now)
            }
        } catch { return }  // There is a next time.
        guard !isClosed else { return }
        take(finding)
    }

    private nonisolated static func look(at files: [WatchedFile], found: [FileStamp?], judged: [FileStamp?], now: Int64) -> Finding {
        let stamps = files.map { $0.stamp() }
        // Not twice alike: somebody may still be writing.
        guard stamps == found, stamps != judged else { return .stamps(stamps) }
        do throws(TLSFault) {
            var read: [PEMFile] = []
            for file in files {
                do throws(FileReadError) { read.append(PEMFile(file.path, try file.read(TLSLimits.fileBytes))) } catch {
                    throw TLSFault(file.path, error.reason)
                }
            }
            let set = CertificateSet(certificate: read[0], key: read[1], authority: read.count > 2 ? read[2] : nil)
            return .good(stamps, set, try TLSIdentity.end(of: set, now: now))
        } catch { return .wrong(stamps, error) }
    }

    private func take(_ finding: Finding) {
        switch finding {
        case .stamps(let stamps): found = stamps
        case .wrong(let stamps, let fault):
            judged = stamps
            refuse(fault)
        case .good(let stamps, let set, let end):
            judged = stamps
            guard set != inForce else { return metrics.holds(use, expires: expires) }
            do throws(TLSFault) { try install(set) } catch { return refuse(error) }
            inForce = set
            expires = end
            warned = nil
            metrics.holds(use, expires: end)
            metrics.read(use, .taken)
            context.log.info("certificate changed", ["use": .text(use.rawValue), "ends_in_days": .integer(daysLeft)])
            warnIfEnding()
        }
    }

    private func refuse(_ fault: TLSFault) {
        metrics.stale(use)
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
