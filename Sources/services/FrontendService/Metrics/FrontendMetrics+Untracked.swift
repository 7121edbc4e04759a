import Telemetry

// What requests without a meter count. Goes when every request has one.
extension FrontendMetrics {
    func requestEnded(endpoint path: String, model: String?, status: Int, after span: Duration) {
        let endpoint: EndpointLabel = path.hasSuffix("/chat/completions") ? .chatCompletions : .completions
        refused(endpoint, model: model, status: status)
        if let model { models.series(of: model).duration.observeSeconds(span) }
    }

    func firstToken(model: String, after span: Duration) { models.series(of: model).firstToken.observeSeconds(span) }
}
