import Engines
import TextProcessing

/// What a server of OpenAI's API was found to be.
struct OpenAIServer: Hashable {
    /// Its name for the model.
    var model = ""
    /// Where the weights are, if it says that.
    var root = ""
    var contextLength: Int?
    var abilities: CompletionAbilities = []
    /// It is one, and spoken to as such.
    var llama: LlamaServer?

    mutating func read(models body: [UInt8], wanted: String?) throws(ServerProblem) {
        let answer = try AnswerValue(parsing: body)
        let cards = try answer["data"].elements(atMost: AnswerLimits.models) ?? []
        var found: AnswerValue?
        for card in cards where found == nil {
            // Adapters name the model under them.
            guard try card["parent"].text(atMost: AnswerLimits.pathBytes) == nil else { continue }
            let name = try card["id"].text(atMost: AnswerLimits.pathBytes)
            if wanted == nil || name == wanted { found = card }
        }
        // Some list only what they have loaded, and take any name that they can load.
        let listed = try found?["id"].text(atMost: AnswerLimits.pathBytes)
        guard let name = wanted ?? listed else { throw .malformed("/v1/models lists no model; give --engine-model") }
        model = name
        root = try found?["root"].text(atMost: AnswerLimits.pathBytes) ?? name
        contextLength = try found?["max_model_len"].count(atMost: AnswerLimits.tokens)
    }

    // MARK: What follows from it

    /// The engine as the cluster sees it.
    func profile(_ settings: ServerSettings) throws(ServerMismatch) -> EngineProfile {
        guard settings.ranks == 1 else { throw ServerMismatch("it has one rank; start a worker for each of its replicas") }
        let blockSize = settings.blockSize ?? settings.usualBlockSize
        var card = EngineModel(
            name: settings.modelName ?? model, weights: llama?.path ?? root, blockSize: blockSize,
            contextLength: try contextLength(settings), vocabularySize: UInt32(clamping: settings.text.vocabulary.count))
        card.generationDefaults = settings.generationDefaults
        card.toolFormat = settings.toolFormat
        card.reasoningFormat = settings.reasoningFormat
        card.files = settings.files
        var room = settings.room
        if let llama {
            room.maxSequences = UInt32(clamping: llama.slots)
            room.totalBlocks = UInt32(clamping: (llama.contextLength * llama.slots + Int(blockSize) - 1) / Int(blockSize))
        }
        room.totalBlocks = settings.totalBlocks ?? room.totalBlocks
        room.maxBatchedTokens = max(room.maxBatchedTokens, room.maxSequences)
        return EngineProfile(
            name: llama == nil ? "openai" : "llama-server", build: llama.map { "llama-server-\($0.build)" } ?? "openai",
            capabilities: llama == nil ? [.choices, .textAnswers] : [.choices, .logprobs, .constraints], cacheReport: .silent, model: card,
            ranks: [room])
    }

    private func contextLength(_ settings: ServerSettings) throws(ServerMismatch) -> UInt32 {
        let told = llama?.contextLength ?? contextLength
        switch (settings.contextLength, told) {
        case (nil, nil): throw ServerMismatch("it does not say how long a context may be; give --context-length")
        case (nil, let told?): return UInt32(clamping: told)
        case (let given?, let told?) where Int(given) > told:
            throw ServerMismatch("its context has \(told) tokens; give --context-length \(told) or less, or nothing")
        case (let given?, _): return given
        }
    }
}
