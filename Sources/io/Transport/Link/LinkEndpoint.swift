import ClusterModel
package import EventLoop
package import WireProtocol

/// Opens and accepts the links of one process on one loop.
@LoopActor
package final class LinkEndpoint {
    private let loop: Loop
    private let network: any Network
    package var policy: LinkPolicy
    private var listener: (any StreamListener)?
    private var pending = 0
    private var accepted: (@LoopActor (Link) -> Void)?
    private var rejected: (@LoopActor (LinkEnd, Address?) -> Void)?

    package init(loop: Loop, network: any Network, policy: LinkPolicy) {
        self.loop = loop
        self.network = network
        self.policy = policy
    }

    /// Takes links until `stopListening`. `accepted` gives each opened link its handler at once; `rejected` is told of the others, for a log
    /// line on this side too.
    @discardableResult
    package func listen(
        on address: Address, accepted: @escaping @LoopActor (Link) -> Void,
        rejected: @escaping @LoopActor (LinkEnd, Address?) -> Void = { _, _ in }
    ) throws(TransportError) -> Address {
        precondition(listener == nil, "an endpoint listens on one address")
        self.accepted = accepted
        self.rejected = rejected
        let listener = try network.listen(on: address) { [weak self] stream in
            guard let self else { return stream.close() }
            self.welcome(stream)
        }
        self.listener = listener
        return listener.address
    }

    /// Opens a link: dials, and completes the handshake, within their limits.
    ///
    /// The handler hears everything from the first message on. The peer's may come with its Welcome, before this task runs again, so a handler
    /// that is set only afterwards misses them.
    package func dial(_ address: Address, kind: LinkKind, handler: (any LinkHandler)? = nil) async -> Result<Link, LinkEnd> {
        let promise = Promise<Result<Link, LinkEnd>>(on: loop)
        dial(address, kind: kind, handler: handler) { result in promise.fulfil(result) }
        // Both parts have their own bounds, so this one is never the one that counts.
        let limit = loop.now + TransportLimits.dial + TransportLimits.handshake + TransportLimits.goodbye + .seconds(1)
        return await promise.wait(until: limit) ?? .failure(.handshakeTimeout)
    }

    package func dial(
        _ address: Address, kind: LinkKind, handler: (any LinkHandler)? = nil,
        _ opened: @escaping @LoopActor (Result<Link, LinkEnd>) -> Void
    ) {
        let policy = policy, loop = loop
        network.dial(address, timeout: TransportLimits.dial) { result in
            switch result {
            case .failure(let error): opened(.failure(.dialFailed(error)))
            case .success(let stream): Link(stream, loop: loop, policy: policy, dialling: kind, opened: opened).handler = handler
            }
        }
    }

    package func stopListening() {
        listener?.close()
        listener = nil
        accepted = nil
    }

    private func welcome(_ stream: any ByteStream) {
        pending += 1
        if pending >= TransportLimits.pendingHandshakes { listener?.setAccepting(false) }
        let remote = stream.remoteAddress
        _ = Link(stream, loop: loop, policy: policy, dialling: nil) { [weak self] result in
            guard let self else {
                if case .success(let link) = result { link.abort() }
                return
            }
            pending -= 1
            listener?.setAccepting(true)
            switch result {
            case .success(let link):
                if let accepted { accepted(link) } else { link.goodbye(.leaving) }
            case .failure(let end): rejected?(end, remote)
            }
        }
    }
}
