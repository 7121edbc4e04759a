import ClusterModel
import Engines
import WireProtocol

extension FirstToken {
    init(choice: UInt8, token: TokenID, finish: FinishReason?, logprob: TokenLogprob?) {
        self.init(choice: choice, token: token, finish: finish.map(FinishMark.init(reason:)), logprob: logprob)
    }
}

extension KVFirstToken {
    init(_ token: FirstToken) {
        self.init(
            choice: token.choice, token: token.token, finish: token.finish.map { EngineFinish($0.reason) },
            logprob: token.logprob?.chosen)
    }
}

extension EngineFinish {
    fileprivate init(_ reason: FinishReason) {
        switch reason {
        case .endOfText: self = .endOfText
        case .stopToken: self = .stopToken
        case .stopSequence: self = .stopSequence
        case .length: self = .length
        case .contentFilter: self = .contentFilter
        }
    }
}

extension RoomPlan {
    /// How long either side waits for the other: what the frontend says, within reason.
    var rendezvous: Duration {
        rendezvousMilliseconds == 0 ? WorkerLimits.rendezvous : min(.milliseconds(Int64(rendezvousMilliseconds)), WorkerLimits.rendezvous)
    }
}
