import ClusterModel
import Engines
import EventLoop
import HTTPClient

/// Whether a server is there and the same as before, and what it says of its load: asked by one task, one question after another.
@LoopActor
final class ServerHealth {
    enum Change {
        case back
        case away(ServerProblem)
        /// It stands, and is not what it was.
        case another(ServerMismatch)
    }

    /// Told when it comes or goes.
    var whenChanged: ((Change) -> Void)?
    /// Told after each look: loads may be others now, and what was told of it before may be too old.
    var whenLooked: (() -> Void)?
    /// What our own requests take there, by rank.
    var ownUse: (() -> [ServerNews.RankUse])?
    private(set) var isWell = false
    private let server: EngineServer
    private let dialect: any ServerDialect
    private let loop: Loop
    private let signal: Signal
    private var isClosed = false
    private var missed = 0
    private var figures: [RankFigures?] = []
    private var figuresAt = Instant.zero
    /// What of these figures is our own requests'.
    private var usedThen: [ServerNews.RankUse] = []

    init(_ server: EngineServer, _ dialect: any ServerDialect) {
        self.server = server
        self.dialect = dialect
        loop = server.loop
        signal = Signal(on: server.loop)
    }

    func close() {
        isClosed = true
        whenChanged = nil
        whenLooked = nil
        ownUse = nil
        signal.wake()
    }

    /// Somebody has reason to doubt it: asked at once.
    func look() {
        guard isWell, !isDoubted else { return }
        isDoubted = true
        signal.wake()
    }

    private var isDoubted = false

    // MARK: The beginning

    /// Asks until it stands; `problem` hears why it does not yet.
    func reach(until deadline: Instant, _ problem: (ServerProblem) -> Void) async throws(EngineFailure) -> EngineProfile {
        while true {
            let learned: Result<EngineProfile, ServerProblem>
            do throws(ServerMismatch) { learned = try await learn() } catch { throw EngineFailure(error.description) }
            guard !isClosed else { throw EngineFailure("closed while the engine's server was reached") }
            switch learned {
            case .success(let profile):
                isWell = true
                return profile
            case .failure(let reason):
                problem(reason)
                guard loop.now + ServerLimits.pause < deadline else {
                    throw EngineFailure("the engine's server at \(server.address) does not stand: \(reason)")
                }
                await signal.pause(until: loop.now + ServerLimits.pause)
                guard !isClosed else { throw EngineFailure("closed while the engine's server was reached") }
            }
        }
    }

    private func learn() async throws(ServerMismatch) -> Result<EngineProfile, ServerProblem> {
        if let problem = await check() { return .failure(problem) }
        return try await dialect.learn(from: server)
    }

    private func check() async -> ServerProblem? {
        do throws(ServerProblem) {
            _ = try await server.get(dialect.healthTarget)
            return nil
        } catch { return error }
    }

    // MARK: Afterwards

    /// Looks after it from now on.
    func watch(_ profile: EngineProfile) {
        loop.spawn { [self] in
            while !isClosed {
                // Doubts that came during the last question are looked into at once.
                if !isDoubted { await signal.pause(until: loop.now + (isWell ? ServerLimits.check : ServerLimits.pause)) }
                guard !isClosed else { return }
                isDoubted = false
                if isWell { await ask() } else { await comeBack(as: profile) }
            }
        }
    }

    private func ask() async {
        guard let problem = await check() else {
            missed = 0
            let told = await dialect.figures(from: server)
            guard !isClosed else { return }
            if !told.isEmpty {
                figures = told
                figuresAt = loop.now
                usedThen = ownUse?() ?? []
            }
            whenLooked?()
            return
        }
        guard !isClosed else { return }
        missed += 1
        guard problem.isAbsence || missed >= ServerLimits.missedChecks else { return }
        isWell = false
        missed = 0
        figures = []
        whenChanged?(.away(problem))
    }

    private func comeBack(as profile: EngineProfile) async {
        do throws(ServerMismatch) {
            guard case .success(let present) = try await learn(), !isClosed else { return }
            if let difference = profile.difference(to: present) { throw ServerMismatch(difference) }
            isWell = true
            whenChanged?(.back)
        } catch { whenChanged?(.another(error)) }
    }

    // MARK: Load

    /// Of one rank: what our requests take, and what others took there when the server last said what it does.
    func load(of rank: Int, _ room: EngineRank, own: ServerNews.RankUse, at now: Instant) -> EngineLoad {
        var load = EngineLoad()
        load.runningRequests = own.running
        load.waitingRequests = own.waiting
        load.waitingTokens = own.waitingTokens
        load.activeBlocks = min(own.blocks, room.totalBlocks)
        if now < figuresAt + ServerLimits.figuresAge, rank < figures.count, let told = figures[rank] {
            let blocks = UInt32(clamping: Int((min(max(told.blocksInUse, 0), 1) * Double(room.totalBlocks)).rounded()))
            let then = rank < usedThen.count ? usedThen[rank] : ServerNews.RankUse()
            load.activeBlocks = min(load.activeBlocks + blocks.beyond(then.blocks), room.totalBlocks)
            load.runningRequests += told.runningRequests.beyond(then.running)
            load.waitingRequests += told.waitingRequests.beyond(then.waiting)
        }
        load.usedBlocks = load.activeBlocks
        return load
    }
}

extension EngineProfile {
    /// What of a server that came back would surprise those who knew it before; nil: nothing.
    func difference(to other: EngineProfile) -> String? {
        if model.name != other.model.name { return "it serves \(other.model.name) and not \(model.name)" }
        if model.weights != other.model.weights { return "it serves other weights" }
        if model.blockSize != other.model.blockSize { return "its blocks have \(other.model.blockSize) tokens and not \(model.blockSize)" }
        if model.contextLength > other.model.contextLength { return "its context has \(other.model.contextLength) tokens" }
        // Their blocks may be some more or some fewer: a server takes what memory it finds.
        if ranks.count != other.ranks.count { return "it has \(other.ranks.count) ranks and not \(ranks.count)" }
        if build != other.build { return "its build is \(other.build) and not \(build)" }
        if model.adapters != other.model.adapters { return "it has other adapters" }
        if capabilities != other.capabilities { return "it can do other things" }
        return nil
    }
}

extension UInt32 {
    /// What it has more than the other one.
    fileprivate func beyond(_ other: UInt32) -> UInt32 { self > other ? self - other : 0 }
}
