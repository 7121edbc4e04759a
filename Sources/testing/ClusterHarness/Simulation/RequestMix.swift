import ClusterModel
import JSONText

/// What the users of a simulated cluster ask for.
struct RequestMix: Sendable {
    static let model = "apus-mock", adapters = ["tiny-adapter", "other-adapter"]
    static let dimensions = 16
    /// What workers need to be asked for all of it.
    static let workerOptions = ["--loras", adapters.joined(separator: ","), "--mock-embedding-dimensions", "\(dimensions)"]

    /// Models and adapters, each as often as it stands here.
    private var models = [model]
    /// Of so many requests one, on average; 0: none.
    private var embeddings = 0
    private var stops = 0
    private var forms = 0
    private var priorities = 0
    private var mostChoices = 2

    /// Chats and completions, some with two choices, some in sessions.
    init() {}

    init(of shape: ClusterShape, _ random: inout SeededRandom) {
        if random.below(3) == 0 { models += [Self.model] + Self.adapters }
        // A vector comes of one leg.
        if random.below(3) == 0, !shape.workers.contains(.prefill) { embeddings = 6 }
        stops = random.one(of: [0, 4])
        forms = random.one(of: [0, 6])
        priorities = random.one(of: [0, 2])
        mostChoices = random.one(of: [2, 3])
        // The choices of a request run at once or not at all: for more than a worker's sequences there is no room, however long it is waited for.
        if let place = shape.workerOptions.firstIndex(of: "--max-sequences"), let most = Int(shape.workerOptions[place + 1]) {
            mostChoices = min(mostChoices, most)
        }
    }

    private static let openings = [
        "You are a helpful assistant that answers in one sentence. ", "Translate the following text into plain English, keeping names. ",
        "Continue this story in the same tone and do not end it early. ",
    ]

    // MARK: Draws

    /// Inputs of a request for vectors; nil: this one asks for text.
    func drawInputs(_ random: inout SeededRandom) -> [String]? {
        guard embeddings > 0, random.below(embeddings) == 0 else { return nil }
        return (0..<random.within(1...4)).map { _ in "Input \(random.below(500)): \(random.one(of: Self.openings))" }
    }

    func drawChat(_ random: inout SeededRandom) -> ChatRequest {
        // A few prefixes of several blocks are shared by many, as in life.
        var prompt = String(repeating: random.one(of: Self.openings), count: random.within(1...12))
        prompt += "Number \(random.below(1_000)): é, 水, \u{1F40C}. "
        var request = ChatRequest(model: random.one(of: models), prompt: prompt, maxTokens: random.within(1...160))
        request.seed = Int64(random.below(1_000))
        request.streams = random.below(5) != 0
        request.isPlain = random.below(5) == 0
        if random.below(8) == 0 { request.choices = random.within(2...mostChoices) }
        if forms > 0, random.below(forms) == 0 {
            request.wantsObject = true
            request.ignoresEnd = false
        } else if stops > 0, random.below(stops) == 0 {
            request.stop = [stop(in: request, &random)]
        }
        var hints = JSONObject()
        if random.below(4) == 0 { hints["session_control"] = session(of: request.model, &random) }
        if priorities > 0, random.below(priorities) == 0 {
            hints["agent_hints"] = ["priority": .number(JSONNumber(Int64(random.within(1...100))))]
        }
        if !hints.isEmpty { request.extra = [(name: "nvext", value: .object(hints))] }
        return request
    }

    /// Something that the model is about to say, or that it never says.
    private func stop(in request: ChatRequest, _ random: inout SeededRandom) -> String {
        let said = ExpectedText.text(of: request)
        guard random.below(4) > 0, said.utf8.count > 8 else { return "never said" }
        let from = random.below(said.utf8.count - 6)
        return String(decoding: Array(said.utf8)[from..<(from + random.within(2...5))], as: UTF8.self)
    }

    /// One of a few conversations with a model, of which several users may be part at once: opened again and again, used, now and then closed.
    private func session(of model: String, _ random: inout SeededRandom) -> JSONValue {
        var control = JSONObject()
        control["session_id"] = .string("\(model)-\(random.below(6))")
        switch random.below(8) {
        case 0: control["action"] = "close"
        case 1...3: break
        default: control["action"] = "open"
        }
        return .object(control)
    }
}
