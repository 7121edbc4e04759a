package import EventLoop
package import Transport
package import WireProtocol

/// How a follower asks its publisher: over a link that it dials, and closes when nothing was asked for a while, or over one of its owner's.
@LoopActor
package final class RecoveryLine: LinkHandler {
    private enum Way {
        case dials(LinkEndpoint, @LoopActor () -> Address?)
        case given(@LoopActor () -> Link?)
    }

    private let loop: Loop
    private let way: Way
    private var link: Link?
    private var idle: TimerHandle?
    /// Links opened for an earlier use are not taken for a later one.
    private var use: UInt64 = 0
    private var asking = 0

    /// Dials a recovery link; the address may change, or not be known yet.
    package init(dialling address: @escaping @LoopActor () -> Address?, endpoint: LinkEndpoint, loop: Loop) {
        way = .dials(endpoint, address)
        self.loop = loop
    }

    /// Asks over a link that its owner opens and closes, as a route link; nil while there is none.
    package init(over link: @escaping @LoopActor () -> Link?, loop: Loop) {
        way = .given(link)
        self.loop = loop
    }

    func ask<Question: WireMessage, Answer: WireMessage>(
        _ question: Question, answeredBy: Answer.Type, of source: StreamSource
    ) async -> Result<Answer, RecoveryProblem> {
        do throws(RecoveryProblem) {
            let link = try await open(source)
            asking += 1
            defer { asking -= 1 }
            do throws(LinkFailure) {
                return .success(try await link.ask(question, answeredBy: Answer.self, within: FollowingLimits.answer))
            } catch {
                // A peer that is silent may be gone without having said so: the next question is asked on another link.
                if error == .timedOut { close() }
                throw .noAnswer(error)
            }
        } catch { return .failure(error) }
    }

    /// Nothing more is asked for now.
    func rest() {
        guard link != nil else { return }
        loop.cancel(idle)
        idle = loop.schedule(after: FollowingLimits.linkIdle) { [weak self] in self?.close() }
    }

    /// What is being asked has no answer.
    package func close() {
        use += 1
        loop.cancel(idle)
        idle = nil
        let link = link
        self.link = nil
        // A goodbye would let whoever asks wait until it is acknowledged.
        if asking > 0 { link?.abort() } else { link?.goodbye(.done) }
    }

    private func open(_ source: StreamSource) async throws(RecoveryProblem) -> Link {
        loop.cancel(idle)
        idle = nil
        switch way {
        case .given(let link):
            guard let link = link(), link.isOpen else { throw .noAddress }
            return link
        case .dials(let endpoint, let address):
            if let link, link.isOpen { return link }
            guard let address = address() else { throw .noAddress }
            let mine = use
            switch await endpoint.dial(address, kind: .recovery, handler: self) {
            case .failure(let end): throw .notReached(end)
            case .success(let opened):
                guard mine == use else {
                    opened.goodbye(.done)
                    throw .noAnswer(.ended)
                }
                let peer = opened.peer
                guard peer.role == source.kind.publisher, peer.id == source.publisher, peer.generation == source.generation else {
                    opened.goodbye(.done)
                    throw .anotherProcess
                }
                link = opened
                return opened
            }
        }
    }

    // MARK: LinkHandler

    package func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        // The dialler of a recovery link is asked nothing and told nothing.
        link.protocolError(WireError(.unexpectedKind, "kind"))
    }

    package func link(_ link: Link, ended: LinkEnd) {
        if self.link === link { self.link = nil }
    }
}
