import ClusterHarness
import TestSupport
import Testing
import WireProtocol

/// T49: programs of today among recordings of programs of earlier versions; `Tests/Fixtures/peers/README.md` says what is recorded, and when.
@Suite("Recorded peers")
struct RecordedPeerTests {
    /// A folder for each version that must still be understood.
    static let versions = ["1.0"]

    struct Case: Sendable, CustomTestStringConvertible {
        let version: String
        let scene: PeerScene
        let present: String
        var testDescription: String { "\(present) among \(scene.rawValue) peers of \(version)" }
    }

    static let cases = versions.flatMap { version in
        PeerScene.allCases.flatMap { scene in scene.members.map { Case(version: version, scene: scene, present: $0) } }
    }

    private static func recording(_ version: String, _ scene: PeerScene) throws -> ClusterRecording {
        try ClusterRecording(
            reading: GoldenVectors.contents("\(GoldenVectors.root)/Tests/Fixtures/peers/\(version)/\(scene.rawValue).peers"))
    }

    @Test("T49: what recorded peers say is understood, and answered as it was then", arguments: cases)
    func understood(_ one: Case) throws {
        let report = try PlayedPeers.play(one.scene, Self.recording(one.version, one.scene), present: one.present)
        #expect(report.problems == [])
        #expect(report.played > 50 && report.answered > 5, "\(report)")
    }

    /// Each kind with who is told of it.
    static let broken: [(MessageKind, PeerScene, String)] = [
        (.hello, .whole, "router-1"), (.welcome, .whole, "worker-1"), (.registerWorker, .whole, "router-1"),
        (.registerFrontend, .whole, "router-1"), (.workerRegistered, .whole, "worker-1"), (.frontendRegistered, .whole, "frontend-1"),
        (.parityAnswer, .whole, "router-1"), (.routeBatch, .whole, "router-1"), (.planBatch, .whole, "frontend-1"),
        (.generateBatch, .whole, "worker-1"), (.statusBatch, .whole, "frontend-1"), (.tokenBatch, .whole, "frontend-1"),
        (.workerEvents, .whole, "router-1"), (.registerRouter, .whole, "router-2"), (.fileAnswer, .whole, "frontend-1"),
        (.openSession, .whole, "worker-1"), (.roomOpen, .split, "worker-2"), (.kvChunk, .split, "worker-2"),
        (.roomReady, .split, "worker-1"), (.roomEnd, .split, "worker-2"),
    ]

    @Test("a kind whose layout has changed is noticed", arguments: broken)
    func noticed(kind: MessageKind, scene: PeerScene, present: String) throws {
        let recording = try Self.recording("1.0", scene), broken = recording.broken(kind)
        #expect(broken != recording, "the recording has such a message")
        #expect(try PlayedPeers.play(scene, broken, present: present).problems != [])
    }

    @Test("a recording is read as it was written, and refused where it ends too soon")
    func file() throws {
        let recording = try Self.recording("1.0", .split)
        #expect(try ClusterRecording(reading: recording.bytes) == recording)
        #expect(throws: (any Error).self) { _ = try ClusterRecording(reading: Array(recording.bytes.dropLast())) }
        #expect(recording.index.contains("worker-1 to worker-2, kv"), "\(recording.index)")
    }

    @Test("programs of today can be recorded, and played back to themselves", arguments: PeerScene.allCases)
    func today(scene: PeerScene) throws {
        let recording = try scene.record()
        for present in scene.members {
            let report = try PlayedPeers.play(scene, recording, present: present)
            #expect(report.problems == [], "\(present)")
        }
    }
}
