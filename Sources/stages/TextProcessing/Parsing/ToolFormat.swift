/// How a model writes calls of tools, by the names that operators know.
package enum ToolFormat: String, Hashable, Sendable, CaseIterable {
    case hermes
    case llama3JSON = "llama3_json"
    case mistral, pythonic
    /// V3, R1 and V3.1.
    case deepseek
    /// V3.2 and V4.
    case deepseekTags = "deepseek_dsml"
    /// Qwen3-Coder and what follows it.
    case qwen
    case harmony
    case kimi, glm
    case minimax, seed
    case nemotron, granite, cohere, apertus
    /// A list of objects, or an object a line, in one pair of tags.
    case toolCallsTag = "tool_calls_tag"
    case functionary
    case liquid
    /// Any engine that was made to write a list of calls and nothing else.
    case forcedList = "forced_list"

    /// Those that operators may choose; the last is the frontend's own.
    package static let named = allCases.filter { $0 != .forcedList }
}

/// The grammar of a form, as data for one of the machines.
enum ToolGrammar: Sendable {
    case json(JSONCallStyle)
    case headed(HeadedCallStyle)
    case tagged(TaggedCallStyle)
    case pythonic(opener: String?, closer: String?)
    case mistral
    case harmony

    /// What begins calls.
    var openers: [String] {
        switch self {
        case .json(let style): style.openers
        case .headed(let style): style.openers
        case .tagged(let style): style.openers
        case .pythonic(let opener, _): opener.map { [$0] } ?? []
        case .mistral: MistralCalls.array.openers
        case .harmony: []
        }
    }

    /// All texts that it tells apart from a model's words.
    var markers: [String] {
        switch self {
        case .json(let style): style.openers + [style.closer].compactMap(\.self)
        case .headed(let style):
            style.openers + style.nameEnds + [style.callOpener, style.idOpener, style.callCloser, style.closer].compactMap(\.self)
        case .tagged(let style):
            style.openers + style.nameEnds + style.keyEnds.map(\.text) + style.valueEnds + style.closers
                + [style.parameterOpener, style.callCloser] + [style.callOpener, style.valueOpener].compactMap(\.self)
        case .pythonic(let opener, let closer): [opener, closer].compactMap(\.self)
        case .mistral: MistralCalls.array.openers + MistralCalls.named.nameEnds + [MistralCalls.named.idOpener].compactMap(\.self)
        case .harmony: HarmonyParser.markers
        }
    }

    /// Whether a text that begins with this symbol may be a call without an opener.
    func beginsBare(with symbol: Symbol) -> Bool {
        switch self {
        case .json(let style): style.isBare && (symbol == "{" || symbol == "[")
        case .pythonic: symbol == "["
        default: false
        }
    }

    func machine(_ spelling: MarkerSpelling, openedBy opener: String?) -> any CallMachine {
        switch self {
        case .json(let style): JSONCalls(style, spelling)
        case .headed(let style): HeadedCalls(style, spelling)
        case .tagged(let style): TaggedCalls(style, spelling, openedBy: opener ?? "")
        case .pythonic(let ownOpener, let closer): PythonicCalls(closer: opener == ownOpener ? closer : nil, spelling)
        case .mistral, .harmony: MistralCalls(spelling)
        }
    }
}
