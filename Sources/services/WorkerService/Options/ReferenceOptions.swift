import Engines
import ServiceRuntime
import TextProcessing

/// The options of the reference engine alone.
struct ReferenceOptions: Sendable {
    let weights: OptionKey<WeightsFile?>
    let handOver: OptionKey<HandOverChoice>

    init(in table: inout OptionTable) {
        table.group("Reference engine")
        weights = table.optional(
            "weights", .weightsFile,
            help: "Weights of a model of the llama architecture, GGUF of f32, f16 or q8_0; its tokenizer is in the folder of --model.")
        handOver = table.option(
            "reference-hand-over", .word(), default: .both,
            help: "How KV state is given and taken: while prefill goes on, after it, in both ways, or not at all.")
    }

    /// What keeps this engine from running the model, with the folder of its text.
    func issues(_ resolved: ResolvedConfiguration, _ model: OptionKey<ModelFolder?>, _ contextLength: OptionKey<Int>) -> [ConfigIssue] {
        guard let file = resolved[weights] else {
            return [resolved.issue(weights, problem: "the reference engine has no weights", remedy: "give the path of a GGUF file")]
        }
        guard let folder = resolved[model] else {
            return [resolved.issue(model, problem: "the reference engine has no tokenizer", remedy: "give the folder of the model's files")]
        }
        var issues: [ConfigIssue] = []
        if folder.text.vocabulary.count > file.model.vocabularySize {
            issues.append(
                resolved.issue(
                    model, problem: "it has \(folder.text.vocabulary.count) tokens, and the weights \(file.model.vocabularySize)",
                    remedy: "give the folder that belongs to the weights"))
        }
        if case .default = resolved.origin(of: contextLength) { return issues }
        if resolved[contextLength] > file.model.contextLength {
            issues.append(
                resolved.issue(
                    contextLength, problem: "the model was made for \(file.model.contextLength) tokens",
                    remedy: "give \(file.model.contextLength) or less, or nothing"))
        }
        return issues
    }
}
