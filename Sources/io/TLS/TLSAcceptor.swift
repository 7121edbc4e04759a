package import EventLoop

/// Puts TLS on accepted connections of one server: what they share, and who the server is to the next of them.
@LoopActor
package final class TLSAcceptor {
    /// For connections that begin from now on; the others keep theirs.
    package var identity: TLSIdentity
    /// Told how each handshake ended: nil is well. With the client's numeric address.
    package var handshakeEnded: (@LoopActor (TLSFailure?, String) -> Void)?
    /// What a client that does not speak TLS reads before it is closed.
    package var answerToPlainText: [UInt8] = []

    let loop: Loop
    private let readBuffer = ReadBuffer()
    var scratch: UnsafeMutableRawBufferPointer { readBuffer.memory }
    /// Of whoever sends next: a connection at rest holds no output.
    var spareOutput: [UInt8] = []
    private var steps = 0

    package init(_ identity: TLSIdentity, on loop: Loop) {
        self.identity = identity
        self.loop = loop
    }

    package func accept(_ socket: any ByteSocket) -> any ByteSocket { TLSSocket(socket, of: self) }

    /// Whether a handshake may take a step in this turn. Whoever may not is told again in the next that it could.
    func mayStep() -> Bool {
        if steps == 0 { loop.atEndOfTurn(self) }
        guard steps < TLSLimits.handshakesPerTurn else { return false }
        steps += 1
        return true
    }
}

extension TLSAcceptor: EndOfTurn {
    package func flush() { steps = 0 }
}

/// What was read of a socket and not decrypted yet: of all connections, since none keeps anything there over a call.
private final class ReadBuffer {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: TLSLimits.readBytes, alignment: 16)
    deinit { memory.deallocate() }
}
