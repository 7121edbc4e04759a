import EventLoop
import Glibc
import TestSupport
import Transport

/// Two loops on two threads of this process, and real sockets on 127.0.0.1.
final class NngHarness: Harness {
    private let processes: [NngProcess]

    init(marks: InboxMarks = .standard) async throws {
        processes = [try await NngProcess("a", marks: marks), try await NngProcess("b", marks: marks)]
    }

    var isSimulated: Bool { false }
    var a: any TestProcess { processes[0] }
    var b: any TestProcess { processes[1] }
    var addressOfA: Address { Address(host: "127.0.0.1", port: 0) }
    var addressOfB: Address { Address(host: "127.0.0.1", port: 0) }
    func pass(_ span: Duration) async throws { try await a.run { [loop = a.loop] in await loop.sleep(for: span) } }
    func close() async { for process in processes { await process.close() } }
}

final class NngProcess: TestProcess {
    private let thread: LoopThread
    private let nng: NngNetwork
    private let gate: Gate

    init(_ name: String, marks: InboxMarks) async throws {
        let thread = try LoopThread(name, marks: marks)
        self.thread = thread
        nng = try await thread.run { loop in try NngNetwork(on: loop) }
        gate = Gate()
    }

    var loop: Loop { thread.loop }
    var network: any Network { nng }

    func run<Result: Sendable>(_ body: @escaping @LoopActor @Sendable () async throws -> Result) async throws -> Result {
        try await thread.run { _ in try await body() }
    }

    /// Holds the loop's thread inside a turn.
    func freeze() async { thread.onLoop { [gate] in gate.pass() } }
    func thaw() async { gate.open() }

    func close() async {
        await thread.run { [nng] _ in _ = nng.close() }
        thread.stop()
    }

    /// A semaphore at a fixed address.
    private final class Gate: @unchecked Sendable {
        // Safety: sem_t is made for several threads.
        private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
        init() { sem_init(semaphore, 0, 0) }
        deinit { semaphore.deallocate() }
        func pass() { while sem_wait(semaphore) != 0 {} }
        func open() { sem_post(semaphore) }
    }
}

/// For the moments in which no loop of a test runs that could wait.
enum RealTime {
    static func wait(_ span: Duration) async throws {
        let clock = try LoopThread("clock")
        await clock.run { loop in await loop.sleep(for: span) }
        clock.stop()
    }
}
