import ClusterModel
import EventLoop
import Transport

/// Writes down what the programs of a virtual cluster say, each link where it was dialled and each feed where it is published.
final class ClusterRecorder: @unchecked Sendable {
    // Safety: belongs to the one thread that runs its world.

    private var taps: [Tap] = []

    func interposer(_ process: String, _ origin: ConnectionOrigin, _ loop: VirtualLoop) -> (any Interposer)? {
        let conversation: RecordedConversation
        switch origin {
        case .dialled(let address): conversation = RecordedConversation(dialer: process, address: address, isFeed: false)
        case .published(let address):
            let reached = Address(address.scheme, host: process, port: address.port)
            conversation = RecordedConversation(dialer: process, address: reached, isFeed: true)
        case .accepted, .subscribed: return nil
        }
        let tap = Tap(conversation, loop.world)
        taps.append(tap)
        return tap
    }

    var recording: ClusterRecording { ClusterRecording(taps.map(\.conversation).filter { !$0.entries.isEmpty }) }

    private final class Tap: Interposer {
        private(set) var conversation: RecordedConversation
        private unowned let world: VirtualWorld

        init(_ conversation: RecordedConversation, _ world: VirtualWorld) {
            self.conversation = conversation
            self.world = world
        }

        func leaving(_ message: [UInt8]) -> [[UInt8]] {
            note(message, isDialers: true)
            return [message]
        }

        func arriving(_ message: [UInt8]) { note(message, isDialers: false) }

        private func note(_ message: [UInt8], isDialers: Bool) {
            let at = Instant.zero.duration(to: world.now)
            conversation.entries.append(.init(at: at, isDialers: isDialers, message: message))
        }
    }
}
