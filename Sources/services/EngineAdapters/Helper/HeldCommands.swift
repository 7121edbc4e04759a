import ClusterModel
import Engines

/// What comes for an engine while it has no process: requests wait for the next one, as many of each rank as may wait, and all else that is about them.
struct HeldCommands {
    private var commands: [EngineCommand] = []
    private var waiting: [EngineRequestKey: EngineRequest] = [:]
    private var perRank: [Rank: Int] = [:]
    /// Of requests that were not kept, or were cancelled here.
    private(set) var ends: [EngineEnd] = []

    /// Whether there is something to be told.
    mutating func keep(_ command: consuming EngineCommand, room: [EngineRank]) -> Bool {
        switch command {
        case .admit(let request):
            let rank = Int(request.rank.rawValue)
            guard rank < room.count, perRank[request.rank, default: 0] < room[rank].maxWaiting else {
                ends.append(Self.end(of: request, .failed(.capacity)))
                return true
            }
            perRank[request.rank, default: 0] += 1
            waiting[request.key] = request
            commands.append(.admit(request))
            return false
        case .cancel(let key, let choice):
            guard let request = waiting[key] else { return false }
            guard choice == nil || request.choices.allSatisfy({ $0.choice == choice }) else {
                commands.append(.cancel(key, choice: choice))
                return false
            }
            waiting[key] = nil
            perRank[request.rank, default: 0] -= 1
            commands.removeAll { $0.key == key }
            ends.append(Self.end(of: request, .cancelled))
            return true
        case .transfer(let command):
            if waiting[EngineCommand.transfer(command).key ?? EngineRequestKey(.max)] != nil { commands.append(.transfer(command)) }
            return false
        // Sessions are opened again by who keeps the book, and a new process has an empty cache.
        case .session, .clearCache: return false
        }
    }

    /// In the order in which they came.
    mutating func takeCommands() -> [EngineCommand] {
        let taken = commands
        commands = []
        waiting = [:]
        perRank = [:]
        return taken
    }

    mutating func takeEnds() -> [EngineEnd] {
        let taken = ends
        ends = []
        return taken
    }

    private static func end(of request: EngineRequest, _ reason: EngineEnd.Reason) -> EngineEnd {
        EngineEnd(
            key: request.key, reason: reason, promptTokens: UInt32(clamping: request.prefillTokens), cachedTokens: 0, outputTokens: 0)
    }
}

extension EngineCommand {
    /// The request that it is about.
    fileprivate var key: EngineRequestKey? {
        switch self {
        case .admit(let request): request.key
        case .cancel(let key, _), .transfer(.export(let key, _)), .transfer(.release(let key)), .transfer(.store(let key, _, _)),
            .transfer(.complete(let key, _, _)):
            key
        case .session, .clearCache: nil
        }
    }
}
