import ClusterModel
import TextProcessing
import WireProtocol

/// A model that can be served: its card, and what turns text into its tokens and back.
///
/// An object, since every request of the model holds it: a copy of it would be as many references counted as it has parts.
final class ServedModel: Sendable {
    /// As the routers know it now: where what its workers can do has changed, there is another object.
    let card: ModelCard
    let text: ModelText
    /// In which forms it thinks and calls.
    let formats: AnswerFormats
    /// Its prompts of late.
    let memory: PromptMemory
    /// What holds where a client says nothing.
    let defaults: SamplingParameters
    /// When the frontend learned of it, for `/v1/models`.
    let createdSeconds: Int64

    init(
        card: ModelCard, text: ModelText, formats: AnswerFormats, memory: PromptMemory, defaults: SamplingParameters, createdSeconds: Int64
    ) {
        self.card = card
        self.text = text
        self.formats = formats
        self.memory = memory
        self.defaults = defaults
        self.createdSeconds = createdSeconds
    }

    /// The same under another card of its digest.
    func described(by card: ModelCard) -> ServedModel {
        ServedModel(card: card, text: text, formats: formats, memory: memory, defaults: defaults, createdSeconds: createdSeconds)
    }
}
