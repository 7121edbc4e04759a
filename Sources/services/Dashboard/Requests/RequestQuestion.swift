import ClusterModel

/// What is wrong with a question, by its parameter.
struct QuestionFault: Error, CustomStringConvertible {
    let description: String
}

extension RequestBook.Question {
    /// From the parameters of a path. `meant` is the request that its client calls as `id` says, if there is one.
    init(_ query: [(name: String, value: String)], meant: RequestID?) throws(QuestionFault) {
        self.init()
        for (name, value) in query {
            switch name {
            case "id":
                let text = value.lowercased()
                let isID = text.utf8.count <= Self.idCharacters && text.utf8.allSatisfy { Self.idAlphabet.contains($0) }
                prefix = meant?.description ?? (isID ? text : Self.nobody)
            case "state":
                guard let state = State(rawValue: value) else {
                    throw QuestionFault(description: "state: one of \(State.allCases.map(\.rawValue).joined(separator: ", "))")
                }
                self.state = state
            case "model": model = value
            case "tenant": tenant = value
            case "limit":
                guard let limit = Int(value), 1...DashboardLimits.foundRequests ~= limit else {
                    throw QuestionFault(description: "limit: a whole number from 1 to \(DashboardLimits.foundRequests)")
                }
                self.limit = limit
            default:
                throw QuestionFault(
                    description: "\(name.prefix(32)): there is no such parameter; there are id, state, model, tenant, limit")
            }
        }
    }

    private static let idCharacters = 33
    private static let idAlphabet = Set("0123456789abcdef-".utf8)
    /// The beginning of no id: a label that nobody knows finds nothing.
    private static let nobody = "-"
}
