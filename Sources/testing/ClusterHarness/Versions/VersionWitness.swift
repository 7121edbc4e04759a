package import WireProtocol

/// What programs of later minors said in a simulated cluster, and how the others took it.
package final class VersionWitness: @unchecked Sendable {
    // Safety: belongs to the one thread that runs its world.

    /// Kinds that were said with additions that nobody knows.
    package private(set) var longerKinds: Set<MessageKind> = []
    package private(set) var longerMessages = 0
    /// Questions of a kind that nobody knows, and how many of them were answered as they should be.
    package private(set) var unknownQuestions = 0
    package private(set) var refusedQuestions = 0
    /// Messages of such a kind that ask nothing.
    package private(set) var unknownMessages = 0
    /// The two minors of each link that was opened, the dialer's first, with its kind.
    package private(set) var links: Set<VersionedLink> = []
    package private(set) var problems: [String] = []

    package init() {}

    func said(_ kind: MessageKind) {
        longerKinds.insert(kind)
        longerMessages += 1
    }

    func asked() { (unknownQuestions, unknownMessages) = (unknownQuestions + 1, unknownMessages + 1) }

    func answered(_ failure: Failure) {
        if failure.code == .unsupportedKind { refusedQuestions += 1 } else { problems.append("an unknown kind was answered: \(failure)") }
    }

    func opened(_ link: VersionedLink) { links.insert(link) }
    func complain(_ problem: String) { problems.append(problem) }
}

/// A link of a cluster in which several minors are spoken.
package struct VersionedLink: Hashable, Sendable {
    package let kind: LinkKind
    package let dialer: UInt8
    package let listener: UInt8
    /// What they agreed on.
    package let spoken: UInt8

    package init(kind: LinkKind, dialer: UInt8, listener: UInt8, spoken: UInt8) {
        self.kind = kind
        self.dialer = dialer
        self.listener = listener
        self.spoken = spoken
    }
}
