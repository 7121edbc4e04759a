import ClusterModel
import EventLoop
import Testing
import Transport

/// Over which implementation of `Network` a case of the contract runs.
enum Kind: Sendable, CustomTestStringConvertible {
    case nng
    case simulated(seed: UInt64)

    static let all: [Kind] = [.nng, .simulated(seed: 1), .simulated(seed: 2)]

    var testDescription: String {
        switch self {
        case .nng: "nng"
        case .simulated(let seed): "simulated, seed \(seed)"
        }
    }
}

/// A process of a test: a loop and its network.
protocol TestProcess: AnyObject, Sendable {
    var loop: Loop { get }
    var network: any Network { get }
    /// Runs `body` as a task on the loop until it returns. The other process runs meanwhile.
    func run<Result: Sendable>(_ body: @escaping @LoopActor @Sendable () async throws -> Result) async throws -> Result
    /// Stops the process from running, as SIGSTOP does.
    func freeze() async
    func thaw() async
}

/// Two processes that can reach each other.
protocol Harness: Sendable {
    var isSimulated: Bool { get }
    var a: any TestProcess { get }
    var b: any TestProcess { get }
    /// Where B listens when the system chooses the port.
    var addressOfB: Address { get }
    var addressOfA: Address { get }
    /// Lets time pass while both processes do what they do.
    func pass(_ span: Duration) async throws
    func close() async
}

struct TimedOut: Error, CustomStringConvertible {
    let description: String
    init(_ what: String) { description = "did not happen in time: \(what)" }
}

extension TestProcess {
    /// Waits on the loop until the condition holds.
    func until(_ what: String, within limit: Duration = .seconds(10), _ condition: @escaping @LoopActor @Sendable () -> Bool) async throws {
        let loop = loop
        try await run {
            let deadline = loop.now + limit
            while !condition() {
                guard loop.now < deadline else { throw TimedOut(what) }
                await loop.sleep(for: .milliseconds(1))
            }
        }
    }
}

/// Runs one case of the contract, and cleans up behind it whatever it did.
func with(_ kind: Kind, _ body: (any Harness) async throws -> Void) async throws {
    let harness: any Harness
    switch kind {
    case .nng: harness = try await NngHarness()
    case .simulated(let seed): harness = SimulatedHarness(seed: seed)
    }
    do {
        try await body(harness)
    } catch {
        await harness.close()
        throw error
    }
    await harness.close()
}
