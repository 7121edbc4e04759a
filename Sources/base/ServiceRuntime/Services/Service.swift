/// One part of a process with a beginning and an end: a listener, a set of links, an engine.
///
/// A service usually belongs to the loop's global actor; it then declares these methods in the class and conforms in an empty extension,
/// `extension RouterService: @LoopActor Service {}`: methods declared where the conformance is stated take the isolation of the requirements
/// instead of the actor's.
/// All methods run where the caller of `ServiceGroup.run` runs.
package protocol Service: AnyObject {
    /// For logs, and stable: `route listener`.
    var name: String { get }

    /// Returns when the service is ready for the services after it. What a failed start left open is closed by `stop()`.
    func start() async throws

    /// Takes no new work and returns when the work in hand has ended: `true` if all of it ended well.
    func drain() async -> Bool

    /// Gives everything back at once, whatever state the service is in; also after a start that failed or never returned, and after `drain`.
    func stop()
}
