import ClusterModel
import EventLoop

/// One question for past batches, from a number on, and its answer.
///
/// The question is an empty frame and the number; each answer is an empty frame, the topic with newer engines, a number and a batch. All ones for a
/// number, with no batch, say that this was all.
@LoopActor
final class ReplayConversation: ZMTPHandler {
    private let first: UInt64
    private let loop: Loop
    private let received: @LoopActor (UInt64, [UInt8]) -> Void
    /// Nil: the engine said that this was all.
    private var ended: (@LoopActor (ZMTPError?) -> Void)?
    private var connection: ZMTPConnection?
    private var timer: TimerHandle?
    private var heard = 0
    private var heardBefore = -1

    init(
        from first: UInt64, at endpoint: ZMTPEndpoint, loop: Loop, sockets: any SocketSystem,
        received: @escaping @LoopActor (UInt64, [UInt8]) -> Void, ended: @escaping @LoopActor (ZMTPError?) -> Void
    ) {
        self.first = first
        self.loop = loop
        self.received = received
        self.ended = ended
        connection = ZMTPConnection(.dealer, to: endpoint, loop: loop, sockets: sockets, self)
    }

    var isReading: Bool {
        get { connection?.isReading ?? true }
        set { connection?.isReading = newValue }
    }

    func open() {
        watch()
        connection?.open()
    }

    func close() {
        ended = nil
        connection?.close()
        connection = nil
        loop.cancel(timer)
    }

    private func end(_ error: ZMTPError?) {
        let told = ended
        close()
        told?(error)
    }

    /// Nothing for a whole span while we were reading.
    private func watch() {
        timer = loop.schedule(after: EngineEventLimits.replaySilence) { [weak self] in
            guard let self else { return }
            if self.isReading, self.heard == self.heardBefore { return self.end(.timedOut("a replay")) }
            self.heardBefore = self.isReading ? self.heard : -1
            self.watch()
        }
    }

    // MARK: ZMTPHandler

    func zmtpReady(_ connection: ZMTPConnection) { connection.send(message: [[], ZMTPFrame.bigEndian(first)]) }

    func zmtpReceived(_ message: [[UInt8]], on connection: ZMTPConnection) {
        heard += 1
        guard heard <= EngineEventLimits.replayedBatches else { return end(.malformed("a replay without an end")) }
        guard (3...4).contains(message.count), message[0].isEmpty, let number = EventFraming.number(message[message.count - 2]) else {
            return end(.malformed("an answer that is no replayed batch"))
        }
        let payload = message[message.count - 1]
        if number == .max, payload.isEmpty { return end(nil) }
        received(number, payload)
    }

    func zmtpEnded(_ error: ZMTPError, on connection: ZMTPConnection) { end(error) }
}

/// Numbers of batches in messages.
enum EventFraming {
    /// Eight bytes, the largest first.
    static func number(_ frame: [UInt8]) -> UInt64? {
        guard frame.count == 8 else { return nil }
        return frame.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Topic, number, batch.
    static func live(_ message: [[UInt8]]) -> (number: UInt64, payload: [UInt8])? {
        guard message.count == 3, let number = number(message[1]) else { return nil }
        return (number, message[2])
    }
}
