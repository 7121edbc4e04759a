import ClusterModel
import TextProcessing

extension FuzzTarget {
    /// A template's source, a zero byte, and what a client says: the template is refused or used, and no word of the client's is trusted. A short
    /// budget of steps keeps the inputs many.
    static let template = FuzzTarget(name: "template", longest: 2048) { bytes in
        let halves = [UInt8](bytes).split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        let source = Array(halves[0])
        // The client's letters are those that no template's source has, since the source may say anything else.
        let said = halves.count > 1 ? String(decoding: halves[1], as: UTF8.self) : ""
        let text = String(String.UnicodeScalarView(said.unicodeScalars.map { UnicodeScalar(0xE000 + $0.value % 0x800)! }))
        guard !source.contains(0xEE), let template = try? JinjaTemplate(source: source, specials: [("bos_token", "<s>")]) else { return }
        let conversation = Conversation(
            messages: [
                ChatMessage(role: .system, content: .text(text)),
                ChatMessage(role: .user, content: .parts([.text(text), .text("a")]), name: text),
                ChatMessage(
                    role: .assistant, content: .none, reasoning: text,
                    toolCalls: [ToolCall(id: text, name: text, arguments: "{\"a\":[1,2.5]}")]),
                ChatMessage(role: .tool, content: .text(said), toolCallID: text), ChatMessage(role: .assistant, content: .text(text)),
            ], tools: [ToolDefinition(name: "f", json: "{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{}}}")],
            continuesLastMessage: said.utf8.count.isMultiple(of: 2), templateArguments: "{\"enable_thinking\":true}")
        do throws(TemplateError) {
            let prompt = try template.render(conversation, TemplateContext(unixSeconds: 0))
            demand(prompt.runs.last?.end ?? 0 == prompt.utf8.count, "the runs do not cover the prompt")
            demand(String(validating: prompt.utf8, as: UTF8.self) != nil, "the prompt is no UTF-8")
            var start = 0
            for run in prompt.runs {
                demand(run.end > start, "a run is empty")
                // An escape in the source may make such a letter, so only sources without any can be judged.
                let isForeign = prompt.utf8[start..<run.end].contains(0xEE) && !source.contains(UInt8(ascii: "\\"))
                demand(!(run.isTrusted && isForeign), "a client's text is trusted")
                start = run.end
            }
            let again = try template.render(conversation, TemplateContext(unixSeconds: 0))
            demand(again == prompt, "the same conversation has two prompts")
        } catch { demand(!error.description.isEmpty, "an error says nothing") }
    }
}
