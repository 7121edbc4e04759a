package import Transport

/// What stands between a program and one of its connections, and sees whole messages, each with its header.
package protocol Interposer: AnyObject {
    /// What leaves instead of the message.
    func leaving(_ message: [UInt8]) -> [[UInt8]]
    /// The program has been given the message.
    func arriving(_ message: [UInt8])
}

extension Interposer {
    package func leaving(_ message: [UInt8]) -> [[UInt8]] { [message] }
    package func arriving(_ message: [UInt8]) {}
}

/// How a program came by a connection.
package enum ConnectionOrigin: Hashable, Sendable {
    /// The address that it dialled.
    case dialled(Address)
    /// The address on which it listens.
    case accepted(Address)
    /// The address on which it publishes: one for all subscribers.
    case published(Address)
    /// The address of the feed.
    case subscribed(Address)
}
