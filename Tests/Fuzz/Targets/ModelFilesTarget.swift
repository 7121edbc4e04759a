import ClusterModel
import TextProcessing

extension FuzzTarget {
    /// Files of a model as a worker sends them, each a byte that names it, its contents and a zero byte: they are refused by name, or a model whose
    /// text goes into tokens and comes back.
    static let modelFiles = FuzzTarget(name: "model-files", longest: 4096) { bytes in
        var files: [String: [UInt8]] = [:]
        for part in bytes.split(separator: 0).prefix(8) {
            files[ModelText.fileNames[Int(part[part.startIndex]) % ModelText.fileNames.count]] = Array(part.dropFirst())
        }
        // Most of what stands in the other files means something only beside a tokenizer that is one.
        if !ModelText.tokenizerFiles.contains(where: { files[$0] != nil }) { files["tokenizer.json"] = BytePairs.encoded }
        let model: ModelText
        do throws(TextError) { model = try ModelText.make(files: files) } catch {
            return demand(!error.description.isEmpty && error.description.utf8.count < 1_000, "a refusal says nothing, or too much")
        }
        demand(zip(model.endTokens, model.endTokens.dropFirst()).allSatisfy { $0 <= $1 }, "end tokens are out of order")
        let conversation = Conversation(messages: [ChatMessage(role: .user, content: .text("a"))])
        for prompt in [GenerationRequest.Prompt.text("ab <s> é"), .conversation(conversation)] {
            var tokens: [TokenID] = [], text: [UInt8] = []
            do throws(TextError) {
                try model.encode(prompt, TemplateContext(unixSeconds: 0), atMost: 10_000, into: &tokens)
            } catch { demand(!error.description.isEmpty, "an error says nothing") }
            demand(tokens.count <= 10_000 && tokens.allSatisfy { model.vocabulary.contains($0) }, "a token is not in the vocabulary")
            model.decode(tokens.span, showsSpecials: true, into: &text)
            demand(String(validating: text, as: UTF8.self) != nil, "a text that is no UTF-8")
        }
    }
}
