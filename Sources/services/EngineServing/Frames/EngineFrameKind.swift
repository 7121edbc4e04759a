import WireProtocol

/// What a frame between a worker and the process of its engine holds.
///
/// Each side greets; then settings go to the engine, and its profile comes back, or a failure. From then on each command is a frame, each step is
/// one or more, and `rest` is said when everything that was told has been done and nothing more is to come of it.
package enum EngineFrameKind: UInt8, WireEnum {
    case greeting = 1
    case settings
    case command
    case profile
    case step
    case rest
    case failure

    /// Length and kind, before the body.
    static let headBytes = 5
}
