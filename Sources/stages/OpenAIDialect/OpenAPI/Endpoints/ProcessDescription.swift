/// The process itself: whether it lives, whether it serves, what it is.
enum ProcessDescription {
    static let endpoints =
        ["/health", "/healthz", "/live", "/livez", "/liveness", "/ping"].map { health($0, "Whether the process lives.", ready: false) }
        + ["/ready", "/readyz", "/readiness"].map { health($0, "Whether requests are served: 503 if not.", ready: true) }
        + [
            EndpointDescription(
                method: .get, path: "/version", id: "version", summary: "Versions of the program and of the protocol inside the cluster.",
                answers: [
                    .init(description: "They.", schema: .object([.needed("version", .text), .needed("protocol", .text)]))
                ]),
            EndpointDescription(
                method: .get, path: "/openapi.json", id: "openAPI", summary: "This document.",
                answers: [.init(description: "It.", schema: .object)]),
        ]

    private static func health(_ path: String, _ summary: String, ready: Bool) -> EndpointDescription {
        var answers = [EndpointDescription.Answer(description: "Yes.", mediaType: "text/plain", schema: .text)]
        if ready { answers.append(.init(status: 503, description: "No.", mediaType: "text/plain", schema: .text)) }
        return EndpointDescription(
            method: .get, path: path, id: "probe" + path.dropFirst().capitalizedFirst, summary: summary, answers: answers)
    }
}

extension Substring {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
