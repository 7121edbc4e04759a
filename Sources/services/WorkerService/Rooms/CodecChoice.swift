import ClusterModel
package import WireProtocol

/// What an operator wants of the codec of KV chunks.
package enum KVCodecPreference: Hashable, Sendable {
    /// What the gain of the first chunks and the speed of the link say.
    case auto
    case fixed(KVCodec)
}

/// Which codec a transfer uses: chosen once, from what a chunk of it gained and from how fast the link is.
///
/// While the link is not waited for, no codec can make it faster, and nothing is packed. Once it is, one chunk is packed each way for a trial.
struct CodecChoice {
    /// One way of packing the chunk that was tried.
    struct Trial: Hashable, Sendable {
        let codec: KVCodec
        let plainBytes: Int
        let packedBytes: Int
        let duration: Duration
    }

    private(set) var chosen: KVCodec?
    private let candidates: [KVCodec]

    init(_ preference: KVCodecPreference, elementBytes: Int) {
        switch preference {
        case .auto: candidates = elementBytes > 1 ? [.zstd, .splitZstd] : [.zstd]
        case .fixed(let codec):
            candidates = []
            chosen = codec
        }
    }

    /// What the next chunk is to be packed with; several: try them all, and use the best.
    func next(at speed: Double?) -> [KVCodec] {
        if let chosen { return chosen == .none ? [] : [chosen] }
        return speed == nil ? [] : candidates
    }

    /// Stages run beside each other, so the slowest counts: what the link takes for a byte, or the packing of it.
    mutating func judge(_ trials: [Trial], at speed: Double?) {
        guard chosen == nil, let speed, speed > 0, !trials.isEmpty else { return }
        var best = KVCodec.none, bestCost = Self.worthwhile / speed
        for trial in trials where trial.plainBytes > 0 {
            let packing = Self.seconds(trial) / Double(trial.plainBytes)
            let cost = max(packing, Double(trial.packedBytes) / Double(trial.plainBytes) / speed)
            if cost < bestCost { (best, bestCost) = (trial.codec, cost) }
        }
        chosen = best
    }

    /// A tenth less time at least: a smaller gain is not worth two processors' time.
    private static let worthwhile = 0.9

    /// Where no time passes while work is done, in a simulation, a usual pace stands for it.
    private static func seconds(_ trial: Trial) -> Double {
        trial.duration > .zero ? Double(trial.duration.inNanoseconds) / 1e9 : Double(trial.plainBytes) / usualBytesPerSecond
    }

    private static let usualBytesPerSecond = 400e6
}
