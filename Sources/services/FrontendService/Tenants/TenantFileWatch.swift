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
    /// Of what was read last; what could not be read is tried again at each look.
    private var seen: FileStamp?
    /// What it was last that could not be read, so that it is told once.
    private var unread: Unread?
    /// Looks in a row for which there was no place in the pool.
    private var missed = 0
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
                if self?.isClosed == false { self?.start() }
            }
        }
    }

    func close() {
        isClosed = true
        context.loop.cancel(timer)
    }

    private struct Unread: Hashable, Sendable {
        /// Nil: there is no file.
        let stamp: FileStamp?
        let reason: String
    }

    /// What a pool thread found.
    private enum Finding: Sendable {
        case unchanged
        case unreadable(Unread)
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
        } catch { return miss() }
        guard !isClosed else { return }
        missed = 0
        if context.loop.fails(at: "tenants' file not read") { return take(.unreadable(Unread(stamp: nil, reason: "a simulation says so"))) }
        take(finding)
    }

    /// There is a next time; but until then no key can be taken back.
    private func miss() {
        missed += 1
        tenants.metrics.read(.missed)
        guard missed == TenantLimits.missedLooks else { return }
        context.log.warning(
            "tenants file not looked at",
            [
                "file": .text(file.path), "looks": .count(missed), "reason": .text("the pool is full"),
                "remedy": .text("a change of the file holds as soon as requests leave room; limit the tenants that send large bodies"),
            ])
    }

    /// The stamp is taken before the file is read: what is written meanwhile is seen the next time.
    private nonisolated static func look(at file: WatchedFile, _ seen: FileStamp?) -> Finding {
        guard let stamp = file.stamp() else { return .unreadable(Unread(stamp: nil, reason: "there is no such file")) }
        guard stamp != seen else { return .unchanged }
        let bytes: [UInt8]
        do throws(FileReadError) { bytes = try file.read(TenantLimits.fileBytes) } catch {
            return .unreadable(Unread(stamp: stamp, reason: error.reason))
        }
        do throws(TenantFileError) { return .good(stamp, try TenantFile(parsing: bytes)) } catch { return .wrong(stamp, error) }
    }

    private func take(_ finding: Finding) {
        switch finding {
        case .unchanged: return
        case .unreadable(let now):
            guard now != unread else { return }
            (seen, unread) = (nil, now)
            refuse(.unreadable, now.reason)
        case .wrong(let stamp, let error):
            (seen, unread) = (stamp, nil)
            refuse(.refused, error.description)
        case .good(let stamp, let file):
            (seen, unread) = (stamp, nil)
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

    private func refuse(_ reading: TenantMetrics.Reading, _ reason: String) {
        tenants.metrics.read(reading)
        tenants.metrics.fileInForce.set(0)
        context.log.warning(
            "tenants file refused",
            ["file": .text(file.path), "reason": .text(reason), "remedy": .text("mend the file; until then the earlier one holds")])
    }
}
