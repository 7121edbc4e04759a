import ClusterModel
import EngineServing
import Engines
import EventLoop
import WireProtocol

/// Whom one life of an engine's process tells, at any time, and within calls to the life too.
@LoopActor
protocol HelperLifeOwner: AnyObject {
    /// It stands.
    func began(_ profile: EngineProfile, _ life: HelperLife)
    func hasNews(_ life: HelperLife)
    /// It broke the protocol, or went, or hangs: told once. Steps that had come whole before that are still there.
    func broke(_ reason: String, _ life: HelperLife)
    /// The process is over, so that another one can have its place.
    func isGone(_ life: HelperLife, _ ending: String)
}

/// One life of an engine's process: what it is told and what it says, from the greeting to its end.
///
/// Whatever it does, nobody waits for it in a call: what it does not read is kept up to a limit, what it says is read up to a limit, and a process that
/// owes something and says nothing is killed.
@LoopActor
final class HelperLife: ByteSocketOwner, EndOfTurn {
    private enum Phase { case greeting, loading, serving, broken }

    private let loop: Loop
    private let limits: HelperLimits
    private weak var owner: (any HelperLifeOwner)?
    private var helper: (any LaunchedHelper)?
    private var phase = Phase.greeting
    private var received = EngineFrameBuffer()
    private var unsent: [UInt8] = []
    /// Of those, taken by the kernel.
    private var sentBytes = 0
    private var wantsFlush = false
    private var wantsWritable = false
    private var isReading = true
    private var commandsSent: UInt64 = 0
    private var commandsRested: UInt64 = 0
    private var heardAt: Instant
    /// When it last took something of what it is told, or had taken everything.
    private var takenAt: Instant
    private var watch: TimerHandle?
    private(set) var build = ""

    init(_ loop: Loop, _ limits: HelperLimits, _ owner: any HelperLifeOwner) {
        self.loop = loop
        self.limits = limits
        self.owner = owner
        heardAt = loop.now
        takenAt = loop.now
    }

    var endOfTurn: EndOfTurnStage { .written }

    /// - Parameter deadline: when its profile must have come.
    func start(
        _ launcher: any HelperLauncher, _ settings: EngineSettings, until deadline: Instant, line: @escaping @LoopActor (String) -> Void
    )
        throws(SystemError)
    {
        let helper = try launcher.launch(line: line) { [weak self] ending in self?.ended(ending) }
        self.helper = helper
        helper.socket.start(self)
        var greeting = EngineGreeting(build: "workerd"), settings = settings
        EngineFrame.append(.greeting, &greeting, to: &unsent)
        EngineFrame.append(.settings, &settings, to: &unsent)
        flushSoon()
        watch = loop.schedule(at: deadline) { [weak self] in
            self?.watch = nil
            self?.fail("it did not say in time what it is")
        }
    }

    var number: Int32 { helper?.number ?? 0 }

    /// Ends it now. Nothing is told of it any more but that it is gone.
    func kill() {
        end()
        helper?.kill()
    }

    // MARK: What it is told

    func send(_ command: consuming EngineCommand) {
        guard phase == .serving else { return }
        if !owes { heardAt = loop.now }
        if unsent.count == sentBytes { takenAt = loop.now }
        EngineFrame.append(.command, &command, to: &unsent)
        commandsSent += 1
        // State from several peers may be more than it takes at once: what counts is that it goes on taking.
        guard unsent.count - sentBytes <= HelperLimits.unsentBytes || loop.now < takenAt + limits.patience else {
            return failSoon("it does not read what it is told")
        }
        if watch == nil { watchSilence() }
        flushSoon()
    }

    private func flushSoon() {
        guard !wantsFlush, !wantsWritable else { return }
        wantsFlush = true
        loop.atEndOfTurn(self)
    }

    func flush() {
        wantsFlush = false
        guard phase != .broken, let socket = helper?.socket else { return }
        while sentBytes < unsent.count {
            let result = unsent.withUnsafeBytes { socket.send(UnsafeRawBufferPointer(rebasing: $0[sentBytes...])) }
            switch result {
            case .taken(0):
                // What is behind moves to the front: seldom, and never more than what was sent.
                if sentBytes > HelperLimits.aheadBytes, sentBytes >= unsent.count - sentBytes {
                    unsent.removeFirst(sentBytes)
                    sentBytes = 0
                }
                return wantWritable(true)
            case .taken(let count):
                sentBytes += count
                takenAt = loop.now
            case .failed: return  // the end of what it says follows, and says more
            }
        }
        unsent.removeAll(keepingCapacity: unsent.count <= HelperLimits.aheadBytes)
        sentBytes = 0
        wantWritable(false)
    }

    private func wantWritable(_ wanted: Bool) {
        guard wanted != wantsWritable else { return }
        wantsWritable = wanted
        helper?.socket.setWriting(wanted)
    }

    // MARK: What it says

    func socketReady(_ events: FileEvents) {
        if events.contains(.writable) { flush() }
        if events.contains(.readable) || events.contains(.hangup) { read() }
    }

    /// - Parameter pieces: so many reads at the most: who writes without end holds up nobody else, and is heard again in the next turn.
    private func read(pieces: Int = HelperLimits.piecesPerTurn) {
        for _ in 0..<pieces {
            guard phase != .broken, let socket = helper?.socket, mayRead else { return }
            var result = SocketRead.nothing
            received.fill { room in
                result = socket.receive(into: room)
                return if case .bytes(let count) = result { count } else { 0 }
            }
            switch result {
            case .bytes:
                heardAt = loop.now
                look()
            case .nothing: return
            case .ended, .failed: return fail("it ended")
            }
        }
    }

    /// A process is far ahead of those who take its steps: it waits.
    private var mayRead: Bool {
        let may = received.byteCount < HelperLimits.aheadBytes || !hasNews
        if may != isReading {
            isReading = may
            helper?.socket.setReading(may)
        }
        return may
    }

    /// Whether a step waits to be taken.
    var hasNews: Bool { (try? received.next()) == .step }

    /// Takes in everything up to the next step.
    private func look() {
        do throws(EngineProtocolError) {
            while let kind = try received.next() {
                switch (kind, phase) {
                case (.step, .serving), (.step, .broken): return owner?.hasNews(self) ?? ()
                case (.rest, .serving), (.rest, .broken):
                    var rest = EngineRest()
                    try take(kind, &rest)
                    guard (commandsRested...commandsSent).contains(rest.commandsTaken) else {
                        throw .meaning("it has done what it was not told")
                    }
                    commandsRested = rest.commandsTaken
                case (.greeting, .greeting):
                    var greeting = EngineGreeting()
                    try take(kind, &greeting)
                    try greeting.check()
                    build = greeting.build
                    phase = .loading
                case (.profile, .loading):
                    var profile = EngineProfile()
                    try take(kind, &profile)
                    if let problem = profile.impossibility { throw .meaning(problem) }
                    phase = .serving
                    loop.cancel(watch)
                    watch = nil
                    owner?.began(profile, self)
                case (.failure, .loading), (.failure, .serving):
                    var note = EngineFailureNote()
                    try take(kind, &note)
                    return fail("the engine gave up: \(note.reason)")
                default: throw .unexpectedFrame(kind)
                }
            }
        } catch { fail("it broke the protocol: \(error)") }
    }

    private func take<Record: WireRecord>(_ kind: EngineFrameKind, _ record: inout Record) throws(EngineProtocolError) {
        try received.take { (body) throws(EngineProtocolError) in try EngineFrame.read(&record, kind, from: body) }
    }

    /// The next step; only where there is one.
    func takeStep(into output: inout StepOutput) throws(EngineProtocolError) {
        try take(.step, &output)
        look()
        // Its end may have been told while nothing was read.
        if phase != .broken, mayRead { read() }
    }

    /// Nothing that it said is of any use.
    func drop() { received = EngineFrameBuffer() }

    // MARK: Its end

    /// It was told something that it has not done yet.
    private var owes: Bool { commandsRested < commandsSent }

    private func watchSilence() {
        watch = loop.schedule(at: heardAt + limits.patience) { [weak self] in
            guard let self else { return }
            watch = nil
            guard owes else { return }
            // Whoever does not take its steps cannot blame it.
            if !isReading || hasNews { heardAt = loop.now }
            guard heardAt + limits.patience <= loop.now else { return watchSilence() }
            fail("it has work, and said nothing for \(limits.patience)")
        }
    }

    private func failSoon(_ reason: String) { loop.schedule(after: .zero) { [weak self] in self?.fail(reason) } }

    /// The caller has found it broken.
    func fail(_ reason: String) {
        guard phase != .broken else { return }
        end()
        helper?.kill()
        owner?.broke(reason, self)
    }

    private func end() {
        phase = .broken
        loop.cancel(watch)
        watch = nil
        helper?.socket.close()
    }

    private func ended(_ ending: String) {
        // What it said last is still there.
        if phase != .broken { read(pieces: .max) }
        fail(ending)
        owner?.isGone(self, ending)
        helper = nil
    }
}
