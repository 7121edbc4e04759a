package import EventLoop

/// Starts the processes of an engine, one after the other.
@LoopActor
package protocol HelperLauncher: AnyObject, Sendable {
    /// - Parameters:
    ///   - line: told of what it writes to its outputs.
    ///   - ended: told once, later, when it is over.
    func launch(
        line: @escaping @LoopActor (String) -> Void, ended: @escaping @LoopActor (String) -> Void
    ) throws(SystemError) -> any LaunchedHelper
}

/// A process that was started, or what stands for one.
@LoopActor
package protocol LaunchedHelper: AnyObject, Sendable {
    var socket: any ByteSocket { get }
    /// For logs; 0: none.
    var number: Int32 { get }
    func kill()
}

/// The program of an engine, started with nothing but the paths of libraries and the settings of devices that this process was started with.
@LoopActor
package final class ProgramLauncher: HelperLauncher {
    private let path: String
    private let loop: Loop

    package init(path: String, on loop: Loop) {
        self.path = path
        self.loop = loop
    }

    package func launch(
        line: @escaping @LoopActor (String) -> Void, ended: @escaping @LoopActor (String) -> Void
    ) throws(SystemError) -> any LaunchedHelper {
        guard let loop = loop as? EpollLoop else { throw SystemError("a process in a simulation", code: 0) }
        // What options may hold stays here: secrets of the cluster are among them.
        let environment = ThisProcess.environment.filter { !$0.hasPrefix("APUS_") }
        return LaunchedProgram(
            try HelperProcess(at: path, [], environment: environment, on: loop, line: line) { ended("\($0)") })
    }
}

private final class LaunchedProgram: LaunchedHelper {
    private let process: HelperProcess

    init(_ process: HelperProcess) { self.process = process }

    var socket: any ByteSocket { process.socket }
    var number: Int32 { process.process }
    func kill() { process.kill() }
}
