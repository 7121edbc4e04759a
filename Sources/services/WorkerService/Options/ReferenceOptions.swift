import Engines
import ServiceRuntime
import TextProcessing

/// The options of the reference engine alone.
struct ReferenceOptions: Sendable {
    let weights: OptionKey<WeightsFile?>
    let handOver: OptionKey<HandOverChoice>

    init(in table: inout OptionTable) {
        table.group("Engines with weights")
        weights = table.optional(
            "weights", .weightsFile,
            help:
                "A model's weights, GGUF; its tokenizer is in the folder of --model. The reference engine reads llama's architecture, f32, f16 or q8_0."
        )
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
        let weights: ReferenceWeights
        do throws(ValueProblem) { weights = try file.understood() } catch {
            return [resolved.issue(self.weights, problem: error.problem, remedy: error.remedy)]
        }
        var issues: [ConfigIssue] = []
        if folder.text.vocabulary.count > weights.model.vocabularySize {
            issues.append(
                resolved.issue(
                    model, problem: "it has \(folder.text.vocabulary.count) tokens, and the weights \(weights.model.vocabularySize)",
                    remedy: "give the folder that belongs to the weights"))
        }
        if case .default = resolved.origin(of: contextLength) { return issues }
        if resolved[contextLength] > weights.model.contextLength {
            issues.append(
                resolved.issue(
                    contextLength, problem: "the model was made for \(weights.model.contextLength) tokens",
                    remedy: "give \(weights.model.contextLength) or less, or nothing"))
        }
        return issues
    }
}
