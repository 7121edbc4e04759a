import ClusterModel
import EventLoop
import TestSupport
import Transport
import WireProtocol

/// One program of today among peers that are recordings: they say what programs of an earlier version said, when that was due and what it
/// answers has come, and note how they are answered.
package final class PlayedPeers: @unchecked Sendable {
    // Safety: belongs to the one thread that runs its world.

    package struct Report: Sendable {
        /// What the present program did that the recorded one did not, in words; empty when they understand one another.
        package var problems: [String] = []
        /// Messages that were played, and how many came back but for those that only say that all live.
        package var played = 0
        package var answered = 0
    }

    let cluster: VirtualCluster
    let present: String
    private let scene: PeerScene
    private let recording: ClusterRecording
    private var hosts: [String: SimulatedHost] = [:]
    private var loops: [String: VirtualLoop] = [:]
    private(set) var links: [PlayedLink] = []
    private var feeds: [any PublishingSocket] = []
    private var listeners: [any StreamListener] = []
    var report = Report()

    package static func play(_ scene: PeerScene, _ recording: ClusterRecording, present: String) throws -> Report {
        let peers = try PlayedPeers(scene, recording, present)
        return try peers.run()
    }

    private init(_ scene: PeerScene, _ recording: ClusterRecording, _ present: String) throws {
        self.scene = scene
        self.recording = recording
        self.present = present
        // Another seed than the recording's: what the present program draws is its own.
        cluster = VirtualCluster(seed: 200)
        guard let identity = Self.identity(of: present, in: recording) else { throw Unmet("\(present) is in the recording") }
        cluster.identities[present] = identity
    }

    private static func identity(of name: String, in recording: ClusterRecording) -> Identity? {
        for conversation in recording.conversations where !conversation.isFeed {
            if conversation.dialer == name, let hello = conversation.hello { return hello.identity }
            if conversation.address.host == name, let welcome = conversation.welcome { return welcome.identity }
        }
        return nil
    }

    private func run() throws -> Report {
        defer { cluster.end() }
        for name in scene.members where name != present {
            let loop = cluster.world.makeLoop(name)
            loops[name] = loop
            hosts[name] = cluster.fabric.host(name, loop: loop)
        }
        defer { for host in hosts.values.sorted(by: { $0.name < $1.name }) { host.kill(.reset) } }
        try cluster.add(scene.shape, only: present)
        for conversation in recording.conversations { try begin(conversation) }
        try listen()
        let member = cluster.member(present)
        report.problems += try scene.play(in: cluster, at: member.role == .frontend ? member : nil)
        judge(member)
        return report
    }

    // MARK: The cast

    /// What a played program does of itself: it dials, or publishes.
    private func begin(_ conversation: RecordedConversation) throws {
        guard conversation.dialer != present, let host = hosts[conversation.dialer], let loop = loops[conversation.dialer] else { return }
        if conversation.isFeed { return try publish(conversation, host, loop) }
        guard conversation.address.host == present, let first = conversation.entries.first else { return }
        _ = loop.perform { loop.schedule(at: .zero + first.at) { [self] in dial(conversation, host, loop) } }
    }

    @LoopActor private func dial(_ conversation: RecordedConversation, _ host: SimulatedHost, _ loop: VirtualLoop) {
        host.dial(conversation.address, timeout: .seconds(1)) { [self] result in
            switch result {
            case .success(let stream): links.append(PlayedLink(stream, loop: loop, .dials(conversation), for: self))
            // It may not listen yet.
            case .failure: loop.schedule(after: .milliseconds(50)) { [self] in dial(conversation, host, loop) }
            }
        }
    }

    private func publish(_ conversation: RecordedConversation, _ host: SimulatedHost, _ loop: VirtualLoop) throws {
        let everywhere = Address(conversation.address.scheme, host: "0.0.0.0", port: conversation.address.port)
        let socket = try loop.perform { () -> Result<any PublishingSocket, TransportError> in
            do throws(TransportError) { return .success(try host.publisher(on: everywhere)) } catch { return .failure(error) }
        }.get()
        feeds.append(socket)
        loop.perform {
            for entry in conversation.entries {
                loop.schedule(at: .zero + entry.at) { [self] in
                    report.played += 1
                    socket.publish(entry.message)
                }
            }
        }
    }

    /// Everybody whom the present program dialled is there to be dialled.
    private func listen() throws {
        var taken: Set<Address> = []
        for conversation in recording.conversations where !conversation.isFeed && conversation.dialer == present {
            let address = conversation.address
            guard taken.insert(address).inserted, let host = hosts[address.host], let loop = loops[address.host] else { continue }
            let everywhere = Address(address.scheme, host: "0.0.0.0", port: address.port)
            let listener = try loop.perform { () -> Result<any StreamListener, TransportError> in
                do throws(TransportError) {
                    let listener = try host.listen(on: everywhere) { [self] stream in
                        links.append(PlayedLink(stream, loop: loop, .listens(on: address), for: self))
                    }
                    return .success(listener)
                } catch { return .failure(error) }
            }.get()
            listeners.append(listener)
        }
    }

    /// The next recorded conversation that the present program began there, of that kind of link; the last of them again, if it begins more.
    func conversation(at address: Address, _ kind: LinkKind) -> RecordedConversation? {
        let recorded = recording.conversations.filter {
            !$0.isFeed && $0.dialer == present && $0.address == address && $0.hello?.link == kind
        }
        let begun = links.count { $0.address == address && $0.kind == kind }
        return recorded.isEmpty ? nil : recorded[min(begun, recorded.count - 1)]
    }

    // MARK: Judgement

    private func judge(_ member: VirtualMember) {
        if !member.isAlive { report.problems.append("\(present) has ended") }
        for link in links { report.problems += link.judged }
        report.answered = links.reduce(0) { $0 + $1.received }
        func metric(_ name: String) -> Int { Int(member.process.metric(name) ?? 0) }
        if member.role == .router {
            for name in ["apus_router_stream_malformed_total", "apus_router_stream_strange_total"] where metric(name) != 0 {
                report.problems.append("\(present) did not take \(metric(name)) events: \(name)")
            }
        }
        for line in member.log where line.contains(#""level":"error""#) { report.problems.append("\(present) complains: \(line)") }
    }
}
