/// A network namespace that stands for a machine: an address of its own, and a door for clients that are to be in there.
package final class NetworkHost: Sendable {
    package let namespace: String
    package let address: String
    let door: NamespaceDoor
    private let tool: String

    init(_ namespace: String, address: String, tool: String) throws {
        self.namespace = namespace
        self.address = address
        self.tool = tool
        door = try NamespaceDoor("/run/netns/\(namespace)")
    }

    /// What starts a program in there, as the same process.
    func command(_ program: String, _ arguments: [String]) -> (String, [String]) {
        (tool, ["netns", "exec", namespace, program] + arguments)
    }
}
