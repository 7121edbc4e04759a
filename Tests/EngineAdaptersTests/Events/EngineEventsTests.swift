import ClusterModel
@testable import EngineAdapters
import Engines
import EventLoop
import Testing

@Suite("Following an engine's cache over ZeroMQ")
struct EngineEventsTests {
    private static let salt = CacheSalt(bytes: Array(1...16))!

    /// A prompt of so many blocks of two tokens, as one event; names count from `name`.
    private static func prompt(_ name: UInt64, blocks: Int, medium: String = "GPU") -> Pack {
        let tokens = tokens(name, blocks: blocks)
        return .stored((0..<UInt64(blocks)).map { name + $0 }, after: nil, tokens: tokens, size: 2, medium: medium)
    }

    private static func tokens(_ name: UInt64, blocks: Int) -> [UInt64] { (0..<UInt64(blocks * 2)).map { name * 3 + $0 } }
    private static func hashes(_ name: UInt64, blocks: Int) -> Set<SequenceHash> { Set(EventScene.hashes(tokens(name, blocks: blocks))) }

    @Test("past and present, whatever pieces it comes in", arguments: 0..<12 as Range<UInt64>)
    func follows(seed: UInt64) {
        let scene = EventScene(seed: seed, topic: seed % 3 == 0 ? "" : "kv", minor: UInt8(seed % 2))
        scene.onEngine { engine in
            engine.replaysWithTopic = seed % 4 < 2
            engine.listen()
            engine.publish([Self.prompt(100, blocks: 300)])
        }
        #expect(scene.runs { $0.isFollowing && $0.blockCount == 300 }, "what was before comes by replay")
        scene.onEngine { engine in
            engine.publish([Self.prompt(1_000, blocks: 2), .removed([101])])
            engine.repeatLast()
        }
        let expected = Self.hashes(100, blocks: 300).subtracting([EventScene.hashes(Self.tokens(100, blocks: 300))[1]])
            .union(Self.hashes(1_000, blocks: 2))
        #expect(scene.runs { _ in scene.told.device == expected })
        #expect(scene.told.problems.isEmpty && scene.told.clears == 0 && scene.notices > 0)
        scene.close()
        scene.pass(seconds: 100)
        #expect(scene.fabric.openSockets == 0)
    }

    @Test("a gap is replayed, and nothing is forgotten for it")
    func gap() {
        let scene = EventScene()
        scene.onEngine { engine in
            engine.listen()
            engine.publish([Self.prompt(100, blocks: 2)])
        }
        #expect(scene.runs { $0.isFollowing && $0.blockCount == 2 })
        scene.onEngine { engine in
            engine.publish([.removed([101])], isLost: true)
            engine.publish([Self.prompt(200, blocks: 1)])
        }
        let expected = Set([EventScene.hashes(Self.tokens(100, blocks: 2))[0]]).union(Self.hashes(200, blocks: 1))
        #expect(scene.runs { _ in scene.told.device == expected })
        scene.onEngine { #expect($0.questions == [0, 0]) }
        #expect(scene.told.clears == 0 && scene.told.problems.isEmpty)
        scene.close()
    }

    @Test("a last batch that was lost is found in quiet")
    func quiet() {
        let scene = EventScene()
        scene.onEngine { engine in
            engine.listen()
            engine.publish([Self.prompt(100, blocks: 2)])
        }
        #expect(scene.runs { $0.blockCount == 2 })
        scene.onEngine { $0.publish([.cleared], isLost: true) }
        #expect(scene.runs(for: 120) { _ in scene.told.device.isEmpty })
        scene.close()
    }

    @Test("without a replay a gap costs what was known, and the rest is right")
    func noReplay() {
        let scene = EventScene(replays: false)
        scene.onEngine { $0.listen(replays: false) }
        #expect(scene.runs { $0.isFollowing })
        scene.pass(seconds: 1)
        scene.onEngine { $0.publish([Self.prompt(100, blocks: 2)]) }
        #expect(scene.runs { _ in scene.told.device.count == 2 })
        scene.onEngine { engine in
            engine.publish([.removed([101])], isLost: true)
            engine.publish([Self.prompt(200, blocks: 1)])
        }
        #expect(scene.runs { _ in scene.told.device == Self.hashes(200, blocks: 1) })
        #expect(scene.told.clears == 1 && scene.told.problems.isEmpty)
        scene.close()
    }

    @Test("an engine that restarts has an empty cache, with its connections or without", arguments: [false, true])
    func restart(keepingConnections: Bool) {
        let scene = EventScene()
        scene.onEngine { engine in
            engine.listen()
            for name in 1...5 { engine.publish([Self.prompt(UInt64(name) * 100, blocks: 2)]) }
        }
        #expect(scene.runs { $0.blockCount == 10 })
        scene.onEngine { engine in
            engine.restart(keepingConnections: keepingConnections)
            engine.publish([Self.prompt(900, blocks: 1)])
        }
        #expect(scene.runs { _ in scene.told.device == Self.hashes(900, blocks: 1) })
        #expect(scene.told.clears == 1 && scene.told.problems.isEmpty)
        scene.close()
    }

    @Test("an engine that stays away is not believed to hold anything, and is followed when it is back")
    func away() {
        let scene = EventScene()
        scene.onEngine { engine in
            engine.listen()
            engine.publish([Self.prompt(100, blocks: 2)])
        }
        #expect(scene.runs { $0.blockCount == 2 })
        scene.onEngine { $0.close() }
        scene.pass(seconds: 10)
        #expect(!scene.isFollowing && scene.told.device.count == 2, "not at once: the engine may be the same when it is back")
        #expect(scene.runs(for: 60) { _ in scene.told.device.isEmpty })
        scene.onEngine { $0.listen() }
        #expect(scene.runs { $0.isFollowing && $0.blockCount == 2 })
        #expect(scene.told.problems.isEmpty)
        scene.close()
    }

    @Test("a replay that says nothing is given up")
    func muteReplay() {
        let scene = EventScene()
        scene.onEngine { engine in
            engine.isReplayMute = true
            engine.listen()
        }
        #expect(scene.runs(for: 120) { $0.isFollowing })
        scene.onEngine { engine in
            #expect(engine.questions.count == EngineEventLimits.replayAttempts)
            engine.publish([Self.prompt(100, blocks: 2)])
        }
        #expect(scene.runs { _ in scene.told.device == Self.hashes(100, blocks: 2) })
        scene.close()
    }

    @Test("a peer that answers no heartbeat is left, and tried again")
    func silence() {
        let scene = EventScene(replays: false)
        scene.onEngine { $0.listen(replays: false) }
        #expect(scene.runs { $0.isFollowing })
        scene.pass(seconds: 60)
        scene.onEngine { engine in
            #expect(engine.subscribers.count == 1 && engine.subscribers[0].heartbeats >= 5)
            engine.subscribers[0].isDeaf = true
        }
        scene.pass(seconds: 60)
        scene.onEngine { #expect($0.subscribers.count > 1) }
        scene.close()
    }

    @Test("messages that are no batches are passed over, and batches that cannot be read cost what was known")
    func hostile() {
        let scene = EventScene()
        scene.onEngine { engine in
            engine.listen()
            engine.publish([Self.prompt(100, blocks: 2)])
        }
        #expect(scene.runs { $0.blockCount == 2 })
        scene.onEngine { engine in
            let topic = Array("kv".utf8)
            engine.sendRaw([topic])
            engine.sendRaw([topic, [1, 2], [3]])
            engine.sendRaw([Array("kv2".utf8), [UInt8](repeating: 0, count: 8), [3]])
            engine.sendRaw([[], [], [], []])
        }
        scene.pass(seconds: 5)
        #expect(scene.told.clears == 0 && scene.isFollowing)
        scene.onEngine { engine in
            engine.publish(payload: [0xC1])
            engine.publish([Self.prompt(200, blocks: 1)])
        }
        #expect(scene.runs { _ in scene.told.device == Self.hashes(200, blocks: 1) })
        #expect(scene.told.clears == 1 && scene.told.problems.isEmpty)
        scene.close()
    }

    @Test("a server that sends what cannot be read fills no log")
    func quietLog() {
        let scene = EventScene()
        scene.onEngine { $0.listen() }
        #expect(scene.runs { $0.isFollowing })
        scene.onEngine { engine in
            for _ in 0..<500 { engine.publish(payload: [0xC1]) }
            engine.publish([Self.prompt(100, blocks: 1)])
        }
        #expect(scene.runs { $0.blockCount == 1 })
        #expect(scene.logLines > 2 && scene.logLines < 20, "\(scene.logLines) lines")
        scene.close()
    }

    @Test("a peer that is no ZeroMQ publisher is tried again, less and less often", arguments: 0..<3)
    func wrongPeer(kind: Int) {
        let scene = EventScene()
        let greetings: [[UInt8]] = [Array("SSH-2.0-server\r\n".utf8), ZMTPSession.greeting + ZMTPPeerDouble.ready("PULL"), []]
        let keeper = scene.engineLoop.perform { Keeper(greetings[kind]) }
        scene.onEngine { $0.listen(EngineDouble.eventPort) { keeper.take($0) } }
        scene.pass(seconds: 120)
        let attempts = scene.engineLoop.perform { keeper.visits }
        #expect(attempts >= 5 && attempts < 40, "\(attempts) attempts")
        #expect(!scene.isFollowing)
        scene.close()
    }

    /// Says one thing to whoever comes, and reads nothing.
    @LoopActor
    private final class Keeper: ByteSocketOwner {
        private let words: [UInt8]
        private var sockets: [any ByteSocket] = []
        var visits: Int { sockets.count }

        init(_ words: [UInt8]) { self.words = words }

        func take(_ socket: any ByteSocket) {
            sockets.append(socket)
            socket.start(self)
            socket.setReading(false)
            _ = words.withUnsafeBytes { socket.send($0) }
        }

        func socketReady(_ events: FileEvents) {}
    }

    @Test("the load that an engine tells is known while it is told")
    func load() {
        let scene = EventScene(load: true)
        scene.onEngine { $0.listen() }
        scene.pass(seconds: 1)
        scene.onEngine { engine in
            let stat = Pack.list([.text("LoadStat")] + [3, 4, 500, 8_192, 0].map { Pack.int($0) })
            for peer in engine.loadPeers { peer.send([Array("load".utf8), [UInt8](repeating: 0, count: 8), stat.bytes]) }
        }
        #expect(scene.runs { $0.load(of: Rank(0))?.usedTokens == 500 })
        scene.onEngine { $0.close() }
        #expect(scene.runs { $0.load(of: Rank(0)) == nil })
        scene.close()
    }

    @Test("while nobody takes the changes nothing more is read, and nothing is lost for it")
    func backPressure() {
        let scene = EventScene(blocks: 2_000_000)
        scene.onEngine { $0.listen() }
        #expect(scene.runs { $0.isFollowing })
        let blocks = 4_096, batches = 3 * EngineEventLimits.waitingChanges / blocks
        // Nobody drains here.
        for number in 0..<batches {
            scene.onEngine { $0.publish([Self.prompt(UInt64(number) << 16, blocks: blocks)]) }
            scene.world.run(for: .milliseconds(20))
        }
        scene.world.run(for: .seconds(5))
        let held = scene.loop.perform { scene.events.blockCount }
        #expect(held >= EngineEventLimits.waitingChanges && held < EngineEventLimits.waitingChanges * 2, "\(held)")
        #expect(scene.runs { _ in scene.told.device.count == batches * blocks }, "\(scene.told.device.count)")
        #expect(scene.told.clears == 0 && scene.told.problems.isEmpty)
        scene.close()
    }
}
