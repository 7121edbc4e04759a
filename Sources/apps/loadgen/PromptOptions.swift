import LoadGeneration
import ServiceRuntime

/// The options that say what synthetic requests look like, and how prompts become bytes.
struct PromptOptions {
    private let input: OptionKey<LengthDistribution>
    private let output: OptionKey<LengthDistribution>
    private let characters: OptionKey<Double?>
    private let textFile: OptionKey<String?>
    private let tokenIDs: OptionKey<Bool>
    private let vocabulary: OptionKey<Int>
    private let prefixGroups: OptionKey<Int>
    private let prefixTokens: OptionKey<Int>
    private let prefixShare: OptionKey<Double>
    private let turns: OptionKey<LengthDistribution?>
    private let sessionThink: OptionKey<Duration>
    let sessionHeader: OptionKey<String>
    private let tenants: OptionKey<Int>
    private let tenantSkew: OptionKey<Double>
    let tenantHeader: OptionKey<String?>
    let tenantKeys: OptionKey<String?>
    private let leaving: OptionKey<Double>
    private let leavingAfter: OptionKey<Duration>
    private let mostTokens: OptionKey<Int>

    init(in table: inout OptionTable) {
        table.group("Prompts and answers (not of --trace)")
        let length = ValueSyntax<LengthDistribution>.length
        input = table.option("input-tokens", length, default: .fixed(512), help: "Of a prompt, or of what a turn adds.", details: lengths)
        output = table.option("output-tokens", length, default: .fixed(128), help: "Of an answer.")
        prefixGroups = table.option("prefix-groups", .integer(1...1_000_000), default: 1, help: "Different shared beginnings.")
        prefixTokens = table.option(
            "prefix-tokens", .integer(0...LengthDistribution.longest), default: 0,
            help: "A shared beginning, before --input-tokens; in blocks of 64, rounded up. 0: none.")
        prefixShare = table.option("prefix-share", .number(0...1), default: 1, help: "Of the prompts that have one.")
        turns = table.optional("session-turns", length, help: "Requests are turns of conversations, whose prompts grow.")
        sessionThink = table.option(
            "session-think", .duration(.zero...(.seconds(86_400))), default: .seconds(2),
            help: "Between an answer and the next turn; the mean.")
        sessionHeader = table.option(
            "session-header", .text("NAME"), default: "X-Session-ID", help: "Names the session of a request; empty: none.")
        mostTokens = table.option(
            "max-prompt-tokens", .integer(1...LengthDistribution.longest), default: 131_072,
            help: "A session ends before its prompts grow beyond.")
        tenants = table.option("tenants", .integer(1...100_000), default: 1, help: "Who share the server.")
        tenantSkew = table.option(
            "tenant-skew", .number(0...10), default: 0, help: "By Zipf's law: 0: all send alike; 1: the second half as much as the first.")
        tenantHeader = table.optional("tenant-header", .text("NAME"), help: "Names the tenant of a request.")
        tenantKeys = table.optional("tenant-keys-file", .path("FILE"), help: "Or by a key a line, sent as the bearer token.")
        leaving = table.option("leave-share", .number(0...1), default: 0, help: "Of the clients who go away before their answer ends.")
        leavingAfter = table.option(
            "leave-after", .duration(.milliseconds(1)...(.seconds(86_400))), default: .seconds(2),
            help: "So long after having asked; the mean.")
        table.group("Text")
        characters = table.optional(
            "chars-per-token", .number(0.1...100),
            help: "Of prompts as text; without it the server's tokenizer is measured with two prompts.",
            details: "1 is exact with byte tokenizers, such as that of our mock engine.")
        textFile = table.optional(
            "text-file", .path("FILE"), help: "Prompts are cut from this text, of ASCII letters above all, and not made of 128 words.",
            details: "Tokenizers that remember words look faster than they are when there are few of them.")
        tokenIDs = table.flag("token-ids", help: "Prompts as token ids, which is exact; of --api completions.")
        vocabulary = table.option("vocabulary", .integer(16...16_777_216), default: 32_000, help: "Of --token-ids: ids are below it.")
    }

    func check(in table: inout OptionTable, api: OptionKey<RequestForm.API>) {
        table.check(tokenIDs, api) { [tokenIDs] resolved in
            guard resolved[tokenIDs], resolved[api] != .completions else { return [] }
            return [resolved.issue(tokenIDs, problem: "chats have no token ids", remedy: "give --api completions as well")]
        }
        table.check(tokenIDs, textFile) { [tokenIDs, textFile] resolved in
            guard resolved[tokenIDs], resolved[textFile] != nil else { return [] }
            return [resolved.issue(textFile, problem: "token ids are no text", remedy: "give --text-file or --token-ids")]
        }
        table.check(tenantHeader, tenantKeys) { [tenantHeader, tenantKeys] resolved in
            guard resolved[tenantHeader] != nil, resolved[tenantKeys] != nil else { return [] }
            return [resolved.issue(tenantKeys, problem: "tenants are named twice", remedy: "give --tenant-header or --tenant-keys-file")]
        }
    }

    func mix(_ resolved: ResolvedConfiguration) -> PromptMix {
        var mix = PromptMix(input: resolved[input], output: resolved[output])
        mix.mostTokens = resolved[mostTokens]
        if resolved[prefixTokens] > 0 {
            mix.prefixes = .init(groups: resolved[prefixGroups], tokens: resolved[prefixTokens], share: resolved[prefixShare])
        }
        mix.sessions = resolved[turns].map { .init(turns: $0, think: resolved[sessionThink]) }
        if resolved[tenants] > 1 { mix.tenants = .init(count: resolved[tenants], skew: resolved[tenantSkew]) }
        if resolved[leaving] > 0 { mix.leaving = .init(share: resolved[leaving], after: resolved[leavingAfter]) }
        return mix
    }

    /// How prompts become bytes, and whether how long they are as text is still to be asked of the server.
    func form(_ resolved: ResolvedConfiguration) throws(RunFailure) -> (form: PromptBytes.Form, isMeasured: Bool) {
        if resolved[tokenIDs] { return (.tokens(vocabulary: resolved[vocabulary]), false) }
        let perToken = resolved[characters], text = try passages(resolved)
        let form = text.map { PromptBytes.Form.passages($0, charactersPerToken: 1) } ?? .text(charactersPerToken: 1)
        return (form.stretched(perToken ?? 1), perToken == nil)
    }

    private func passages(_ resolved: ResolvedConfiguration) throws(RunFailure) -> PassageText? {
        guard let path = resolved[textFile] else { return nil }
        let bytes: [UInt8]
        do throws(FileReadError) { bytes = try FileReader.system.read(path, PassageText.mostBytes) } catch { throw RunFailure("\(error)") }
        do throws(PassageText.Refusal) { return try PassageText(bytes) } catch { throw RunFailure("--text-file \(path): \(error)") }
    }
}

private let lengths = """
    A number; or uniform:LOW-HIGH, normal:MEAN,DEVIATION, lognormal:MEDIAN,SIGMA, where sigma is the deviation of the logarithm.
    """

extension ValueSyntax<LengthDistribution> {
    static var length: ValueSyntax {
        ValueSyntax(placeholder: "LENGTH", constraint: "N, uniform:LOW-HIGH, normal:MEAN,DEVIATION or lognormal:MEDIAN,SIGMA") {
            raw, _ throws(ValueProblem) in
            do throws(LengthDistribution.Malformed) { return try LengthDistribution(parsing: raw.asWritten) } catch {
                throw ValueProblem("\(error)", remedy: "write a length")
            }
        } show: {
            .text($0.text)
        }
    }
}
