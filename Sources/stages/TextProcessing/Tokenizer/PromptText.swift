/// A prompt on its way from a template to a tokenizer: UTF-8 text that knows which parts of it may name special tokens.
///
/// A template's own words are trusted; what a client put into a message is not, and text in it that looks like a special token stays text.
package struct PromptText: Hashable, Sendable {
    package struct Run: Hashable, Sendable {
        /// Offset behind its last byte.
        package var end: Int
        /// Special tokens are recognised inside it; one that would cross its bounds is not.
        package var isTrusted: Bool
    }

    package private(set) var utf8: [UInt8] = []
    /// Back to back from 0, none empty, neighbours differ in trust.
    package private(set) var runs: [Run] = []

    /// The model's own tokens go around the text, such as the one that begins every text. A template writes them itself.
    package var addsSpecials = false

    package init() {}

    /// A prompt that its client wrote as a whole, special tokens among it.
    package init(raw text: String) {
        append(template: text)
        addsSpecials = true
    }

    /// `runs` keep the rules of the property.
    init(utf8: [UInt8], runs: [Run]) {
        self.utf8 = utf8
        self.runs = runs
    }

    package mutating func reserve(_ bytes: Int) { utf8.reserveCapacity(bytes) }

    /// Words of the template.
    package mutating func append(template text: String) { append(text, isTrusted: true) }

    /// Words of the client.
    package mutating func append(content text: String) { append(text, isTrusted: false) }

    private mutating func append(_ text: String, isTrusted: Bool) {
        guard !text.isEmpty else { return }
        utf8.append(contentsOf: text.utf8)
        if let last = runs.last, last.isTrusted == isTrusted {
            runs[runs.count - 1].end = utf8.count
        } else {
            runs.append(Run(end: utf8.count, isTrusted: isTrusted))
        }
    }
}
