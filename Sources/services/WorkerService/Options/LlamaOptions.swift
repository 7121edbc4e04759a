import EngineAdapters
import EngineServing
import Engines
import EventLoop
import ServiceRuntime
import TextProcessing

/// The options of llama.cpp, which runs in a process of its own.
struct LlamaOptions: Sendable {
    private let weights: OptionKey<WeightsFile?>
    private let program: OptionKey<String?>
    private let kvType: OptionKey<KVType>
    private let flashAttention: OptionKey<Switch>
    private let threads: OptionKey<Int>
    private let gpuLayers: OptionKey<Int>
    private let patience: OptionKey<Duration>

    private enum KVType: String, CaseIterable, Sendable {
        case f16, f32
        case q8 = "q8_0"

        var setting: EngineSettings.KVType {
            switch self {
            case .f16: .f16
            case .f32: .f32
            case .q8: .q8
            }
        }
    }

    private enum Switch: String, CaseIterable, Sendable { case on, off }

    private static let programName = "engine-llama"

    init(in table: inout OptionTable, _ weights: OptionKey<WeightsFile?>) {
        let settings = EngineSettings(), limits = HelperLimits()
        self.weights = weights
        table.group("llama.cpp")
        program = table.optional(
            "engine-helper", .text("FILE") { $0.isEmpty ? ValueProblem("it is no path", remedy: "write the path of a program") : nil },
            help: "The engine's program; by default engine-llama beside workerd, or where deploy/engines/llama/setup puts it.")
        kvType = table.option("kv-type", .word(), default: .f16, help: "In what its KV state is kept. Workers that hand it over agree.")
        flashAttention = table.option(
            "flash-attention", .word(), default: .on, help: "Attention without a matrix of scores. Workers that hand KV state over agree.")
        threads = table.option(
            "threads", .integer(0...1_024), default: Int(settings.threads), help: "That compute; 0: the engine chooses.")
        gpuLayers = table.option(
            "gpu-layers", .integer(0...65_536), default: Int(settings.gpuLayers), help: "Layers that a GPU computes, where there is one.")
        patience = table.option(
            "engine-patience", .duration(.milliseconds(100)...(.seconds(3_600))), default: limits.patience,
            help: "An engine's process that has work and says nothing for so long is killed, and started again.")
    }

    /// What keeps the engine from running.
    func issues(_ resolved: ResolvedConfiguration, _ model: OptionKey<ModelFolder?>) -> [ConfigIssue] {
        var issues: [ConfigIssue] = []
        if resolved[weights] == nil {
            issues.append(resolved.issue(weights, problem: "this engine has no weights", remedy: "give the path of a GGUF file"))
        }
        if resolved[model] == nil {
            issues.append(resolved.issue(model, problem: "this engine has no tokenizer", remedy: "give the folder of the model's files"))
        }
        if path(resolved) == nil {
            let looked =
                resolved[program].map { "\($0) is no program" }
                ?? "there is no \(Self.programName) at \(Self.places.joined(separator: " or "))"
            issues.append(
                resolved.issue(program, problem: looked, remedy: "run deploy/engines/llama/setup, which builds it, or give its path"))
        }
        return issues
    }

    /// The first of the places that has the program.
    private func path(_ resolved: ResolvedConfiguration) -> String? {
        (resolved[program].map { [$0] } ?? Self.places).first { ThisProcess.mayRun($0) }
    }

    private static var places: [String] {
        let beside = ThisProcess.folder.map { "\($0)/\(programName)" }
        return [beside, ".engines/llama/bin/\(programName)"].compactMap { $0 }
    }

    func engine(
        _ resolved: ResolvedConfiguration, _ common: EngineSettings, _ folder: ModelFolder, toolFormat: String, reasoningFormat: String
    ) throws(EngineFailure) -> EngineSelection {
        guard let file = resolved[weights], let path = path(resolved) else {
            throw EngineFailure("this engine needs weights and a program")
        }
        var made = common
        made.weightsPath = file.path
        made.endTokens = folder.text.endTokens
        made.kvType = resolved[kvType].setting
        made.flashAttention = resolved[flashAttention] == .on
        made.threads = UInt32(clamping: resolved[threads])
        made.gpuLayers = UInt32(clamping: resolved[gpuLayers])
        var limits = HelperLimits()
        limits.patience = resolved[patience]
        let settings = made
        return .remote { [limits] surroundings in
            HelperEngine(settings, ProgramLauncher(path: path, on: surroundings.loop), surroundings, limits: limits) {
                (profile) throws(EngineFailure) in
                guard folder.text.vocabulary.count <= Int(profile.model.vocabularySize) else {
                    throw EngineFailure(
                        "--model has \(folder.text.vocabulary.count) tokens, and the weights \(profile.model.vocabularySize): they belong to two models"
                    )
                }
                profile.model.files = folder.vocabulary.files
                profile.model.generationDefaults = folder.vocabulary.generationDefaults
                profile.model.toolFormat = toolFormat
                profile.model.reasoningFormat = reasoningFormat
            }
        }
    }
}
