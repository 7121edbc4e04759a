package import EventLoop
import JSONText

package enum ClusterRole: String, CaseIterable, Sendable {
    case router, worker, frontend

    package var program: String { self == .worker ? "workerd" : rawValue }
}

/// One place in a cluster of processes, and the process that fills it now: it may be killed and started again at the same addresses.
@LoopActor
package final class ClusterMember {
    package let role: ClusterRole
    package let name: String
    /// Of its next start.
    package var options: [String] = []
    /// Of its next start, too.
    package var launcher = ProcessLauncher()
    /// The host that it runs on; nil: this one.
    let host: NetworkHost?
    package private(set) var process: ChildProcess?
    /// Where it said that it listens, at its first start; it listens there again at the next.
    package private(set) var addresses = Addresses()
    private let loop: EpollLoop
    private let folder: String

    package struct Addresses: Hashable, Sendable {
        package var http: String?
        package var admin: String?
        package var links: String?
        package var publish: String?
    }

    init(_ role: ClusterRole, _ name: String, _ folder: String, at host: NetworkHost? = nil, on loop: EpollLoop) {
        self.host = host
        self.role = role
        self.name = name
        self.folder = folder
        self.loop = loop
    }

    package var isRunning: Bool { process?.isRunning ?? false }
    package var lastWords: String { process?.lastWords ?? "" }
    package var usage: ProcessUsage? { process.flatMap { $0.isRunning ? ProcessUsage(of: $0.process) : nil } }

    /// Starts it, and waits until it serves.
    package func start(waiting: Bool = true) async throws {
        precondition(!isRunning, "\(name) runs already")
        let program = "\(folder)/\(role.program)", arguments = ["--name", name, "--log-format", "json", "--log-level", "debug"] + options
        let words = launcher.words + [program] + arguments
        let command = host?.command(words[0], Array(words.dropFirst())) ?? (words[0], Array(words.dropFirst()))
        let child = try ChildProcess(name, at: command.0, command.1, on: loop)
        process = child
        guard waiting else { return }
        for record in try await serving(child) where record.level == "info" { addresses.read(record) }
        pinAddresses()
    }

    /// What it wrote until it served.
    private func serving(_ child: ChildProcess) async throws -> [LogRecord] {
        guard let log = launcher.log else {
            _ = try await child.logged("serving", within: ProcessCluster.startLimit)
            return child.log
        }
        var records: [LogRecord] = []
        try await loop.until("\(name) says 'serving' in its log", within: ProcessCluster.startLimit) {
            records = log.records
            return records.contains { $0.message == "serving" } || child.ending != nil
        }
        return records
    }

    /// What the system chose is asked for by number from now on.
    private func pinAddresses() {
        pin("--listen", role == .frontend ? addresses.http : addresses.links)
        pin("--publish", addresses.publish)
        pin("--admin-listen", addresses.admin)
    }

    private func pin(_ option: String, _ value: String?) {
        guard let value, let index = options.lastIndex(of: option), options.indices.contains(index + 1) else { return }
        options[index + 1] = value
    }

    /// SIGTERM, and the wait for its end.
    package func drain(within limit: Duration = ProcessCluster.stopLimit) async throws -> ChildProcess.Ending {
        guard let process else { throw Unmet("\(name) was started") }
        process.terminate()
        return try await process.ended(within: limit)
    }

    package func killNow() async throws {
        guard let process else { throw Unmet("\(name) was started") }
        process.killNow()
        _ = try await process.ended(within: ProcessCluster.stopLimit)
    }
}

extension ClusterMember.Addresses {
    mutating func read(_ record: LogRecord) {
        http = record["http"] ?? http
        admin = record["admin"] ?? admin
        links = record["links"] ?? links
        // A router tells of the feeds of others too; of its own it tells together with where it listens.
        publish = record["publish"] ?? (record["links"] == nil ? nil : record["feed"]) ?? publish
    }
}
