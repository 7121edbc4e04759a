import ClusterModel

/// KV state of this rank's requests, out and in. What waits with its state, or for it, holds its blocks and is never preempted.
extension MockRank {
    /// Why the request ended, if it did.
    func transfer(_ command: KVCommand, of request: MockRequest) -> EngineEnd.Reason? {
        guard request.handOver != nil else { return nil }
        isStuck = false
        switch command {
        case .export(let key, let slice):
            guard let bytes = request.handOver?.export(slice) else { return fail(request, "an export of what is not there") }
            said.append(.exported(key, slice, bytes: bytes))
        case .release:
            request.handOver?.release()
            guard held.contains(where: { $0 === request }) else { return nil }
            drop(request)
            return .handedOver
        case .store(let key, let slice, let bytes):
            if let problem = request.handOver?.store(slice, bytes) { return fail(request, problem) }
            // Found from here on, whatever becomes of the request: the next attempt need not have them sent again.
            registerReceived(of: request)
            said.append(.stored(key, slice))
        case .complete(let key, let firstTokens, let handOver):
            if let problem = request.handOver?.complete(handOver) ?? request.problem(with: firstTokens) { return fail(request, problem) }
            reserved.removeAll { $0 === request }
            running.append(request)
            said.append(.started(key, cachedTokens: UInt32(clamping: request.cachedTokens ?? 0)))
        }
        return nil
    }

    private func fail(_ request: MockRequest, _ problem: String) -> EngineEnd.Reason {
        drop(request)
        return .failed(.failed(problem))
    }

    /// Wherever it is, it is there no more, and holds nothing.
    func drop(_ request: MockRequest) {
        if let place = waiting.firstIndex(where: { $0 === request }) {
            waiting.remove(at: place)
            waitingTokens -= request.waitingTokens
            return
        }
        reserved.removeAll { $0 === request }
        held.removeAll { $0 === request }
        running.removeAll { $0 === request }
        leave(request)
    }

    /// It has its blocks, so many of them found in the cache. Its state comes with the parameters, or is waited for.
    func take(_ request: MockRequest, found: Int, into output: inout StepOutput) -> Bool {
        if request.handOver?.kind == .takesParameters {
            request.handOver?.take()
            // A step without a token to compute: the first tokens come of it.
            request.scheduled = 0
            running.append(request)
            output.events.append(.started(request.key, cachedTokens: UInt32(clamping: request.cachedTokens ?? 0)))
        } else {
            request.scheduled = -1
            request.handOver?.reserve(held: found)
            reserved.append(request)
            output.events.append(.reserved(request.key, heldBlocks: UInt32(clamping: found)))
        }
        return true
    }
}

extension KVCommand {
    var key: EngineRequestKey {
        switch self {
        case .export(let key, _), .release(let key), .store(let key, _, _), .complete(let key, _, _): key
        }
    }
}
