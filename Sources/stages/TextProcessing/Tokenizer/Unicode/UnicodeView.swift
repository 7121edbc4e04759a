/// What encoding knows of single code points, for whoever compares it with what others know.
package enum UnicodeView {
    /// The bits of `UnicodeProperties`.
    package static func properties(of code: UInt32) -> UInt8 { UnicodeProperties(of: code).bits }

    package static func composed(_ text: [UInt8]) -> [UInt8] { form(text, composes: true) }

    package static func decomposed(_ text: [UInt8]) -> [UInt8] { form(text, composes: false) }

    private static func form(_ text: [UInt8], composes: Bool) -> [UInt8] {
        var passage = Normalizer.Passage(text: text)
        CanonicalForm.apply(to: &passage, composes: composes)
        return passage.text
    }
}
