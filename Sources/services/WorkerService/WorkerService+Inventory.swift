import ClusterModel
import Engines
import ProcessKit
import Telemetry
import TextProcessing
import Transport
import WireProtocol

extension WorkerService {
    /// One line at its start: what the worker has, and what it was not given.
    func sayWhatIsThere(_ core: WorkerCore, _ config: WorkerConfig) {
        let profile = core.profile, card = core.model.card
        var missing = MissingParts()
        missing.note("tokenizer and chat template (--model)", unless: !card.files.contains { $0.name == ByteModelFile.name })
        missing.note("events of the engine's cache (--engine-events)", unless: profile.cacheReport != .silent)
        missing.noteProof(context, at: config.listen)
        context.log.info(
            "listening",
            [
                "links": .text(address?.description ?? ""), "feed": .text(core.events.address.description), "model": .text(card.name),
                "pool": .text(card.digest.hex), "engine": .text(profile.name), "simulated": .flag(config.engine.isSimulated),
                "serves": .text("\(config.role)"), "ranks": .count(profile.ranks.count),
                "blocks": .unsigned(UInt64(profile.ranks.first?.totalBlocks ?? 0)), "block_tokens": .unsigned(UInt64(card.blockSize)),
                "context_tokens": .unsigned(UInt64(card.contextLength)), "routers": .addresses(config.routers), "missing": missing.text,
            ])
    }
}

extension EngineSelection {
    /// Whether nothing computes: tokens are made up, in the time that a machine would take.
    fileprivate var isSimulated: Bool {
        switch self {
        case .mock: true
        case .faulty(let selection, _): selection.isSimulated
        case .reference, .remote, .made: false
        }
    }
}
