import ClusterModel
import JSONText
import TextProcessing

/// `textcheck template-provenance FILE…`: in each rendering of `templates.py known` the client's texts are written in letters that no template has.
/// None of them may be trusted. What is trusted seldom changes: few templates choose their words by what a text says.
struct TemplateProvenanceCheck {
    private static let context = TemplateContext(unixSeconds: 1_767_323_045)
    /// Members whose texts decide what a template does; all others become foreign.
    private static let kept: Set<String> = ["role", "type", "bos_token", "eos_token", "reasoning_effort"]

    static func run(_ arguments: [String]) throws(CheckError) -> Bool {
        var (renderings, refused, sameWords, broken) = (0, 0, 0, 0)
        for path in arguments {
            for line in try TextFile.lines(of: path) {
                guard let object = (try? JSONValue(parsing: line, limits: .file))?.asObject, let source = object["source"]?.asString,
                    let variables = object["variables"]?.asObject
                else { throw CheckError(reason: "a line that is no rendering") }
                let own = trusted(source, variables)
                guard let prompt = prompt(source, foreign(.object(variables)).asObject ?? variables) else {
                    refused += 1
                    continue
                }
                renderings += 1
                let words = trusted(prompt)
                if words == own { sameWords += 1 }
                if hasForeign(words) {
                    broken += 1
                    print("\(object["template"]?.asString ?? ""), \(object["case"]?.asString ?? ""): a client's text is trusted")
                }
            }
        }
        print(
            "\(renderings) renderings of foreign texts, \(refused) refused, \(sameWords) with the same trusted words as before, \(broken) broken"
        )
        // A template that lost its own words would show here.
        return broken == 0 && sameWords * 10 > renderings * 9
    }

    private static func prompt(_ source: String, _ variables: JSONObject) -> PromptText? {
        let specials = [("bos_token", "<s>"), ("eos_token", "</s>")]
        guard let template = try? JinjaTemplate(source: Array(source.utf8), specials: specials) else { return nil }
        return try? template.render(template.variables(variables), context, steps: TextLimits.templateSteps * 10)
    }

    private static func trusted(_ source: String, _ variables: JSONObject) -> [UInt8] { prompt(source, variables).map(trusted) ?? [] }

    private static func trusted(_ prompt: PromptText) -> [UInt8] {
        zip([0] + prompt.runs.map(\.end), prompt.runs).filter(\.1.isTrusted).flatMap { prompt.utf8[$0.0..<$0.1.end] }
    }

    /// Each character becomes one of a private area, so that lengths stay.
    private static func foreign(_ value: JSONValue, _ member: String = "") -> JSONValue {
        switch value {
        case .string(let text) where !kept.contains(member):
            return .string(
                String(String.UnicodeScalarView(text.unicodeScalars.map { Unicode.Scalar(0xE000 + $0.value % 0x800) ?? "\u{E000}" })))
        case .array(let elements): return .array(elements.map { foreign($0, member) })
        case .object(let object):
            var changed = JSONObject()
            for entry in object.members { changed[entry.name] = foreign(entry.value, entry.name) }
            return .object(changed)
        default: return value
        }
    }

    /// U+E000 to U+E7FF begin with this byte.
    private static func hasForeign(_ bytes: [UInt8]) -> Bool { bytes.contains(0xEE) }
}
