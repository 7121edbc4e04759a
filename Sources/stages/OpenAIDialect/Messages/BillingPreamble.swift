/// The line with which some clients begin their system prompt, such as Claude Code: a header of HTTP for billing, in the prompt.
///
/// It differs from request to request and stands before everything else, so that with it no prompt would ever begin like another one, and
/// nothing of it could be found in a cache. It says nothing to a model.
enum BillingPreamble {
    private static let name = "x-anthropic-billing-header:"

    /// What is left of the text without the line and the empty ones behind it; nil where it does not begin so.
    static func stripped(_ text: String) -> String? {
        guard text.utf8.starts(with: name.utf8) else { return nil }
        guard let end = text.utf8.firstIndex(of: UInt8(ascii: "\n")) else { return "" }
        return String(text[end...].utf8.drop { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) ?? ""
    }
}
