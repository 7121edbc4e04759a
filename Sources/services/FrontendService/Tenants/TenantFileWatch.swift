import EventLoop
import ProcessKit
import ServiceRuntime
import Telemetry

/// Looks at the tenants' file now and then, and has it hold once it has changed. One that is wrong changes nothing: the earlier one stays in
/// force, a warning says what is wrong, and a gauge that it is so.
@LoopActor
final class TenantFileWatch {
    private let file: WatchedFile
    private let context: ProcessContext
    private unowned let tenants: Tenants
    private var seen: FileStamp?
    private var timer: TimerHandle?
    private var isClosed = false

    init(_ file: WatchedFile, of tenants: Tenants, context: ProcessContext) {
        self.file = file
        self.tenants = tenants
        self.context = context
    }

    func start() {
        timer = context.loop.schedule(after: TenantLimits.filePoll) { [weak self] in
            guard let self, !isClosed else { return }
            context.loop.spawn { [weak self] in
                await self?.look()
                self?.start()
            }
        }
    }

    func close() {
        isClosed = true
        context.loop.cancel(timer)
    }

    /// What a pool thread found.
    private enum Finding: Sendable {
        case unchanged
        case unreadable(FileStamp?, String)
        case wrong(FileStamp, TenantFileError)
        case good(FileStamp, TenantFile)
    }

    private func look() async {
        guard !isClosed else { return }
        let finding: Finding
        do throws(WorkPool.Full) {
            finding = try await context.loop.offload(to: context.pool, virtualCost: .microseconds(100)) { [file, seen] in
                Self.look(at: file, seen)
            }
        } catch { return }  // there is a next time
        guard !isClosed else { return }
        take(finding)
    }

    /// The stamp is taken before the file is read: what is written meanwhile is seen the next time.
    private nonisolated static func look(at file: WatchedFile, _ seen: FileStamp?) -> Finding {
        guard let stamp = file.stamp() else { return .unreadable(nil, "there is no such file") }
        guard stamp != seen else { return .unchanged }
        let bytes: [UInt8]
        do throws(FileReadError) { bytes = try file.read(TenantLimits.fileBytes) } catch { return .unreadable(stamp, error.reason) }
        do throws(TenantFileError) { return .good(stamp, try TenantFile(parsing: bytes)) } catch { return .wrong(stamp, error) }
    }

    private func take(_ finding: Finding) {
        switch finding {
        case .unchanged: return
        case .unreadable(let stamp, let reason):
            // Of a file that is gone one line is enough.
            let isNews = isMissing != true || stamp != nil
            isMissing = stamp == nil
            seen = stamp
            if isNews { refuse(.unreadable, reason) }
        case .wrong(let stamp, let error):
            (seen, isMissing) = (stamp, false)
            refuse(.refused, error.description)
        case .good(let stamp, let file):
            (seen, isMissing) = (stamp, false)
            guard file != tenants.book?.file else { return tenants.metrics.fileInForce.set(1) }
            do throws(TenantFileError) {
                try tenants.apply(file)
                tenants.metrics.read(.taken)
                context.log.info(
                    "tenants changed",
                    ["tenants": .count(file.tenants.count), "keys": .count(file.keys.count), "file": .text(self.file.path)])
            } catch { refuse(.refused, error.description) }
        }
    }

    private var isMissing: Bool?

    private func refuse(_ reading: TenantMetrics.Reading, _ reason: String) {
        tenants.metrics.read(reading)
        tenants.metrics.fileInForce.set(0)
        context.log.warning(
            "tenants file refused",
            ["file": .text(file.path), "reason": .text(reason), "remedy": .text("mend the file; until then the earlier one holds")])
    }
}
