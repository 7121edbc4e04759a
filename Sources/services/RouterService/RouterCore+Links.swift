import EventLoop
import Transport
import WireProtocol

extension RouterCore {
    /// The last word on a Hello: `proto-spec/02-negotiation.md#what-the-listener-checks-in-this-order`, rows 8 and 9.
    func objection(to hello: Hello) -> Refuse? {
        let objection =
            switch hello.link {
            case .control: workers.objection(to: hello.identity)
            case .route: frontends.objection(to: hello.identity)
            case .peer: peers.objection(to: hello.identity)
            default: nil as Refuse?
            }
        if let objection { return objection }
        return isDraining ? Refuse(.draining, retryable: true, reason: "this router leaves") : nil
    }

    /// A link that was let in gets its handler at once.
    func opened(_ link: Link) {
        switch link.kind {
        case .control: link.handler = ControlHandler(self, workers.claim(link))
        case .route:
            // Another of the same life may have come in since this one was judged; the newest counts.
            let session = RouteHandler(self, link)
            link.handler = session
            frontends.opened(session)
        case .peer: peers.opened(link)
        default: link.goodbye(.leaving)
        }
    }
}
