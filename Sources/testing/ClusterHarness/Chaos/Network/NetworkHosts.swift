import EventLoop
import Glibc

/// Hosts on one machine: network namespaces, each with a link to a hub that routes between them. Nothing of this machine's own network is touched.
@LoopActor
final class NetworkHosts {
    private let loop: EpollLoop
    private let tool: String
    private let tag: String
    private var hub: String { "\(tag)-hub" }
    private(set) var all: [NetworkHost] = []
    private var made: [String] = []

    /// The commands take milliseconds; a kernel that is busy with namespaces takes longer.
    private static let commandLimit = Duration.seconds(20)
    private static let tools = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"]
    /// A network for private use, of which each host has 256 addresses.
    private static func address(_ host: Int, _ end: Int) -> String { "10.213.\(host).\(end)" }

    /// Two runs at once have different names.
    init(_ count: Int, on loop: EpollLoop) async throws {
        guard let tool = Self.tools.first(where: { access($0, X_OK) == 0 }) else {
            throw NotPermitted(description: "there is no ip command (package iproute2)")
        }
        self.loop = loop
        self.tool = tool
        tag = "apus\(getpid())"
        do { try await make(count) } catch {
            await close()
            throw NotPermitted(description: "this machine permits no network namespaces: \(error)")
        }
    }

    private func make(_ count: Int) async throws {
        try await add(hub)
        try await run(["netns", "exec", hub, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
        for number in 0..<count {
            let namespace = "\(tag)-\(number)", link = "host\(number)"
            try await add(namespace)
            try await run(["link", "add", link, "netns", hub, "type", "veth", "peer", "name", "eth0", "netns", namespace])
            try await run(["-n", hub, "address", "add", Self.address(number, 1) + "/24", "dev", link])
            try await run(["-n", hub, "link", "set", link, "up"])
            try await run(["-n", namespace, "address", "add", Self.address(number, 2) + "/24", "dev", "eth0"])
            try await run(["-n", namespace, "link", "set", "eth0", "up"])
            try await run(["-n", namespace, "route", "add", "default", "via", Self.address(number, 1)])
            all.append(try NetworkHost(namespace, address: Self.address(number, 2), tool: tool))
        }
    }

    private func add(_ namespace: String) async throws {
        try await run(["netns", "add", namespace])
        made.append(namespace)
        try await run(["-n", namespace, "link", "set", "lo", "up"])
    }

    // MARK: Faults

    /// What one host sends to another is lost from here on, or no more. The other way is another matter.
    func part(_ from: NetworkHost, _ to: NetworkHost, _ isParted: Bool) async throws {
        try await run(["-n", from.namespace, "route", isParted ? "add" : "delete", "blackhole", to.address + "/32"])
    }

    /// The cable of a host is out, or in again.
    func unplug(_ host: NetworkHost, _ isOut: Bool) async throws {
        guard let number = all.firstIndex(where: { $0 === host }) else { return }
        try await run(["-n", hub, "link", "set", "host\(number)", isOut ? "down" : "up"])
    }

    /// What passes to and from a host is delayed or lost, in the words of netem; nil: no more.
    func disturb(_ host: NetworkHost, _ words: [String]?) async throws {
        guard let number = all.firstIndex(where: { $0 === host }) else { return }
        let action = words == nil ? "del" : "add"
        do {
            try await run(
                ["netns", "exec", hub, "tc", "qdisc", action, "dev", "host\(number)", "root"] + (words.map { ["netem"] + $0 } ?? []))
        } catch is NotPermitted { throw NotPermitted(description: "this machine has no netem") }
    }

    // MARK: Commands

    private func run(_ words: [String]) async throws {
        let child = try ChildProcess("ip", at: tool, words, on: loop)
        guard try await child.ended(within: Self.commandLimit) == .exited(0) else {
            throw NotPermitted(description: "ip \(words.joined(separator: " ")): \(child.lines.first ?? "no reason given")")
        }
    }

    /// Whatever was made is gone after this.
    func close() async {
        for host in all { host.door.close() }
        all = []
        for namespace in made { try? await run(["netns", "delete", namespace]) }
        made = []
    }
}
