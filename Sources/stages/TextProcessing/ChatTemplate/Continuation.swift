import ClusterModel

/// Cuts a prompt behind the last message's content, so that the model goes on with it.
struct Continuation {
    private static let param = "continue_final_message"

    /// The content without white space at its ends, and with it.
    private let trimmed: ArraySlice<UInt8>
    private let content: [UInt8]

    init(of conversation: Conversation) throws(TemplateError) {
        switch conversation.messages.last?.content {
        case .text(let text)?: content = Array(text.utf8)
        case .parts(let parts)?:
            guard case .text(let text)? = parts.last else { throw Self.fault("the last message has no text") }
            content = Array(text.utf8)
        case .none?, nil: throw Self.fault("the last message has no text")
        }
        trimmed = content[PythonText.trimmed(content[...], left: true, right: true)]
        guard !trimmed.isEmpty else { throw Self.fault("the last message has no text") }
    }

    private static func fault(_ reason: String) -> TemplateError { .unsupported(param: param, reason: reason) }

    /// The content must be the last thing of a client's in the prompt: what stands behind it are the template's words only.
    func cut(_ prompt: PromptText) throws(TemplateError) -> PromptText {
        let bytes = prompt.utf8
        guard let last = prompt.runs.last(where: { !$0.isTrusted && hasWords(before: $0, in: prompt) })?.end else {
            throw Self.fault("the template leaves the last message out")
        }
        var end = PythonText.trimmed(bytes[..<last], left: false, right: true).upperBound
        guard end >= trimmed.count, bytes[end - trimmed.count..<end].elementsEqual(trimmed) else {
            throw Self.fault("the template does not end with the last message's text")
        }
        // White space at the content's end stays where the template keeps it.
        let blanks = content[trimmed.endIndex...]
        if bytes[end...].starts(with: blanks) { end += blanks.count }
        var runs = prompt.runs.filter { $0.end <= end }
        if (runs.last?.end ?? 0) < end, let next = prompt.runs.first(where: { $0.end > end }) {
            runs.append(PromptText.Run(end: end, isTrusted: next.isTrusted))
        }
        return PromptText(utf8: Array(bytes[..<end]), runs: runs)
    }

    /// A run of white space alone is no content.
    private func hasWords(before run: PromptText.Run, in prompt: PromptText) -> Bool {
        let index = TemplateText.index(of: run.end - 1, in: prompt.runs)
        let start = index == 0 ? 0 : prompt.runs[index - 1].end
        return !PythonText.trimmed(prompt.utf8[start..<run.end], left: true, right: false).isEmpty
    }
}
