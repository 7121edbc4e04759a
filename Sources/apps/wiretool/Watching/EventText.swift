import ClusterFollowing
import ClusterModel
import WireProtocol

/// Events of a worker in words, one line each.
enum EventText {
    static func line(_ event: WorkerEvent) -> String {
        switch event {
        case .blocksStored(let stored):
            let place = stored.parent.map { "behind \(short($0))" } ?? "at the beginning"
            return "stored rank \(stored.rank) \(stored.tier) \(count(stored.hashes)) \(place): \(list(stored.hashes))"
        case .blocksRemoved(let removed):
            return "removed rank \(removed.rank) \(removed.tier) \(count(removed.hashes)): \(list(removed.hashes))"
        case .rankCleared(let cleared): return "cleared rank \(cleared.rank)"
        case .sessionBound(let bound):
            return "session bound \(name(bound.key)) rank \(bound.rank) counter \(bound.bindCounter), \(bound.heldBlocks) blocks held, "
                + "ends after \(bound.ttlSeconds) s"
        case .sessionUnbound(let unbound):
            return "session unbound \(name(unbound.key)) counter \(unbound.bindCounter): \(unbound.reason)"
        case .rankLoad(let load): return self.load(load)
        case .stateChanged(let state): return "state \(state.state)" + (state.reason.isEmpty ? "" : ": \(quoted(state.reason))")
        case .unknown(let tag, let bytes): return "event of a later version, tag \(tag), \(bytes.count) bytes"
        default: return request(event)
        }
    }

    private static func request(_ event: WorkerEvent) -> String {
        switch event {
        case .requestAccepted(let event):
            "accepted \(lease(event.lease)) \(name(event.request)) rank \(event.rank) \(event.leg), prompt \(event.promptTokens) tokens, "
                + "\(event.prefillTokens) to compute, at most \(event.maxTokens) new"
        case .requestBlocks(let event):
            "prompt \(lease(event.lease)) rank \(event.rank) \(count(event.hashes)) from \(event.firstBlock): \(list(event.hashes))"
        case .requestStarted(let event):
            "started \(lease(event.lease)) rank \(event.rank), \(event.cachedTokens) tokens cached, waited \(span(event.waitedMicroseconds))"
        case .prefillProgress(let event): "prefill \(lease(event.lease)) rank \(event.rank), \(event.remainingTokens) tokens left"
        case .prefillDone(let event): "prefilled \(lease(event.lease)) rank \(event.rank) in \(span(event.prefillMicroseconds))"
        case .blocksGrown(let event):
            "grown \(lease(event.lease)) rank \(event.rank) to \(event.outputBlocks) blocks, \(event.outputTokens) tokens"
        case .requestEnded(let event):
            "ended \(lease(event.lease)) \(name(event.request)) rank \(event.rank) \(event.leg) \(name(event.reason)): prompt "
                + "\(event.promptTokens), cached \(event.cachedTokens), output \(event.outputTokens); waited "
                + "\(span(event.durations.waitedMicroseconds)), prefill \(span(event.durations.prefillMicroseconds)), decode "
                + span(event.durations.decodeMicroseconds)
        default: ""
        }
    }

    static func load(_ load: RankLoad) -> String {
        "load rank \(load.rank): \(load.waitingTokens) tokens of \(load.waitingRequests) requests wait, \(load.runningRequests) run, blocks "
            + "\(load.activeBlocks) active, \(load.usedBlocks) used, \(load.sessionBlocks) of sessions, \(load.totalBlocks) in all"
    }

    // MARK: Parts

    /// The first digits of a hash.
    private static func short(_ hash: UInt64) -> String { "\(Hexadecimal.text(hash).prefix(4))…" }
    private static func count(_ hashes: [UInt64]) -> String { hashes.count == 1 ? "1 block" : "\(hashes.count) blocks" }

    private static func list(_ hashes: [UInt64]) -> String {
        (hashes.prefix(4).map(short) + (hashes.count > 4 ? ["…"] : [])).joined(separator: " ")
    }

    private static func lease(_ lease: UInt64) -> String { "lease \(Hexadecimal.text(lease))" }
    private static func name(_ request: RequestKey) -> String {
        "request \(Hexadecimal.text(request.origin))-\(Hexadecimal.text(request.counter))/\(request.attempt)"
    }
    private static func name(_ session: SessionKey) -> String {
        session.tenant.isEmpty ? quoted(session.id) : "\(quoted(session.tenant))/\(quoted(session.id))"
    }

    static func name(_ reason: EndReason) -> String { reason.words }

    private static func span(_ microseconds: UInt64) -> String {
        "\(microseconds / 1_000).\(String(microseconds % 1_000 + 1_000).dropFirst()) ms"
    }

    static func quoted(_ text: String) -> String { "'\(plain(text))'" }

    /// A peer's or a client's words: nothing in them moves the cursor of a terminal.
    static func plain(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let isPlain = scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value) && (scalar.value | 1) != 0x2029
            scalars.append(isPlain ? scalar : "?")
        }
        return String(scalars)
    }
}
