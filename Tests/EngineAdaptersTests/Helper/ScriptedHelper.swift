import ClusterModel
import EngineAdapters
import EngineServing
import Engines
import EventLoop
import WireProtocol

/// Stands for the processes of an engine: a test is their other end, and says and reads by hand.
@LoopActor
final class ScriptedLauncher: HelperLauncher {
    private(set) var lives: [ScriptedHelper] = []
    private let loop: EpollLoop

    init(on loop: EpollLoop) { self.loop = loop }

    func launch(
        line: @escaping @LoopActor (String) -> Void, ended: @escaping @LoopActor (String) -> Void
    ) throws(SystemError) -> any LaunchedHelper {
        let (socket, other) = try SocketPair.make(on: loop)
        let life = ScriptedHelper(socket, BlockingStream(other), loop, ended)
        lives.append(life)
        return life
    }

    /// The one of that number, once it was started; waited for within a bound.
    func life(_ number: Int) async throws -> ScriptedHelper {
        for _ in 0..<10_000 where lives.count < number { await loop.sleep(for: .milliseconds(1)) }
        guard lives.count >= number else { throw EngineFailure("only \(lives.count) processes were started") }
        return lives[number - 1]
    }
}

@LoopActor
final class ScriptedHelper: LaunchedHelper {
    let socket: any ByteSocket
    let number: Int32 = 0
    private(set) var isKilled = false
    private(set) var taken: UInt64 = 0
    private let stream: BlockingStream
    private let loop: EpollLoop
    private let ended: @LoopActor (String) -> Void
    private var received = EngineFrameBuffer()
    private var isOver = false

    init(_ socket: any ByteSocket, _ stream: BlockingStream, _ loop: EpollLoop, _ ended: @escaping @LoopActor (String) -> Void) {
        self.socket = socket
        self.stream = stream
        self.loop = loop
        self.ended = ended
    }

    func kill() {
        isKilled = true
        die("it was killed by signal 9")
    }

    /// By itself, as after an abort.
    func die(_ how: String) {
        guard !isOver else { return }
        isOver = true
        stream.close()
        loop.schedule(after: .zero) { [ended] in ended(how) }
    }

    // MARK: What it says

    func say(_ bytes: [UInt8]) throws {
        var bytes = bytes
        try stream.write(&bytes)
    }

    func say<Record: WireRecord>(_ kind: EngineFrameKind, _ record: Record) throws {
        var record = record, bytes: [UInt8] = []
        EngineFrame.append(kind, &record, to: &bytes)
        try say(bytes)
    }

    func stand(_ profile: EngineProfile = .scripted) throws {
        try say(.greeting, EngineGreeting(build: "scripted"))
        try say(.profile, profile)
    }

    /// A step with the loads of one rank.
    func step(_ change: (inout StepOutput) -> Void) throws {
        var output = StepOutput()
        output.loads = [EngineLoad()]
        change(&output)
        try say(.step, output)
    }

    func rest() throws { try say(.rest, EngineRest(commandsTaken: taken)) }

    // MARK: What it is told

    /// The next command; what comes before the first one is left out.
    func command() async throws -> EngineCommand {
        for _ in 0..<10_000 {
            while let kind = try received.next() {
                var command: EngineCommand?
                try received.take { (body) throws(EngineProtocolError) in
                    guard kind == .command else { return }
                    var read = EngineCommand()
                    try EngineFrame.read(&read, kind, from: body)
                    command = read
                }
                guard let command else { continue }
                taken += 1
                return command
            }
            var count: Int?
            received.fill { room in
                count = try? stream.read(into: room, waits: false)
                return count ?? 0
            }
            if count == nil { await loop.sleep(for: .milliseconds(1)) }
            if count == 0 { throw EngineFailure("the worker has closed its end") }
        }
        throw EngineFailure("it was told nothing")
    }
}

extension EngineProfile {
    static let scripted = EngineProfile(
        name: "scripted", build: "1", capabilities: [.sessions], cacheReport: .exact,
        model: EngineModel(name: "none", weights: "w", blockSize: 16, contextLength: 256, vocabularySize: 100),
        ranks: [EngineRank(totalBlocks: 8, maxSequences: 4, maxBatchedTokens: 64, maxWaiting: 2)])
}
