import ClusterModel
import EventLoop
import ServiceRuntime

/// Looks at files now and then, and has them read again once they have changed: not before two looks found them alike, since somebody may still be
/// writing, and several files are not replaced at one time.
@LoopActor
final class FileWatch<Content: Sendable, Fault: Error> {
    /// On a pool thread. `now`: seconds since 1970.
    typealias Reading = @Sendable (_ files: [WatchedFile], _ now: Int64) throws(Fault) -> Content

    private let files: [WatchedFile]
    private let interval: Duration
    private let context: ProcessContext
    private let read: Reading
    private let taken: @LoopActor (Result<Content, Fault>) -> Void
    /// Of what was judged last, and of what the last look found. Nothing is known of when the files were read at the start: the first looks read them
    /// again, and find the same.
    private var judged: [FileStamp?] = []
    private var found: [FileStamp?] = []
    private var timer: TimerHandle?
    private var isClosed = false
    /// Before each look.
    var looks: (@LoopActor () -> Void)?

    init(
        _ files: [WatchedFile], every interval: Duration, context: ProcessContext, read: @escaping Reading,
        taken: @escaping @LoopActor (Result<Content, Fault>) -> Void
    ) {
        self.files = files
        self.interval = interval
        self.context = context
        self.read = read
        self.taken = taken
    }

    func start() {
        timer = context.loop.schedule(after: interval) { [weak self] in
            guard let self, !isClosed else { return }
            context.loop.spawn { [weak self] in
                await self?.look()
                if self?.isClosed == false { self?.start() }
            }
        }
    }

    func stop() {
        isClosed = true
        context.loop.cancel(timer)
    }

    private enum Finding: Sendable {
        case stamps([FileStamp?])
        case read([FileStamp?], Result<Content, Fault>)
    }

    private func look() async {
        guard !isClosed else { return }
        looks?()
        let finding: Finding, now = context.loop.wallClockMilliseconds / 1_000
        do throws(WorkPool.Full) {
            finding = try await context.loop.offload(to: context.pool, virtualCost: .microseconds(100)) { [files, found, judged, read] in
                Self.look(at: files, found: found, judged: judged, now: now, read)
            }
        } catch { return }  // There is a next time.
        guard !isClosed else { return }
        switch finding {
        case .stamps(let stamps): found = stamps
        case .read(let stamps, let result):
            judged = stamps
            taken(result)
        }
    }

    private nonisolated static func look(
        at files: [WatchedFile], found: [FileStamp?], judged: [FileStamp?], now: Int64, _ read: Reading
    ) -> Finding {
        let stamps = files.map { $0.stamp() }
        guard stamps == found, stamps != judged else { return .stamps(stamps) }
        do throws(Fault) { return .read(stamps, .success(try read(files, now))) } catch { return .read(stamps, .failure(error)) }
    }
}
