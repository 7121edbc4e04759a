/// Ids of calls, for those whose model writes none.
package enum CallIdentifier {
    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)

    /// Nine letters and digits for Mistral's models, whose templates refuse others; else `call_` and 24 of them, as OpenAI's are.
    package static func make(for format: ToolFormat?, using random: inout some RandomNumberGenerator) -> String {
        var text = format == .mistral ? [] : Array("call_".utf8)
        for _ in 0..<(format == .mistral ? 9 : 24) { text.append(letters[Int.random(in: 0..<letters.count, using: &random)]) }
        return String(decoding: text, as: UTF8.self)
    }
}
