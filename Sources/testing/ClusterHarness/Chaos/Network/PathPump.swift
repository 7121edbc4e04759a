import ClusterModel
import EventLoop

/// One direction of one connection through a `FaultProxy`: takes what its source sends, and gives it to its sink when it is time.
@LoopActor
final class PathPump {
    private struct Piece {
        let due: Instant
        var bytes: ArraySlice<UInt8>
        var end: End?
    }

    enum End { case finished, broken }

    /// Of one direction of one connection; a source that sends more waits, as it would for a slow network.
    static let bufferBytes = 256 << 10
    private static let pieceBytes = 16 << 10

    var source: (any ByteSocket)?
    var sink: (any ByteSocket)?
    private let loop: Loop
    private let conditions: @LoopActor () -> PathCondition
    /// The direction is over: its end was passed on.
    private let passed: @LoopActor (End) -> Void
    private var pieces: [Piece] = []
    private var buffered = 0
    private var lastDue: Instant
    private var timer: TimerHandle?
    private var sawEnd = false
    /// Bytes of it were thrown away: what comes later would make no sense to the other end.
    private(set) var isBlackHole = false
    private(set) var isOver = false

    init(on loop: Loop, _ conditions: @escaping @LoopActor () -> PathCondition, passed: @escaping @LoopActor (End) -> Void) {
        self.loop = loop
        self.conditions = conditions
        self.passed = passed
        lastDue = loop.now
    }

    /// Reads what there is room for.
    func pull() {
        guard let source, !sawEnd else { return }
        while buffered < Self.bufferBytes, !sawEnd {
            var bytes = [UInt8](repeating: 0, count: Self.pieceBytes)
            switch bytes.withUnsafeMutableBytes({ source.receive(into: $0) }) {
            case .bytes(let count): take(bytes[..<count])
            case .nothing:
                source.setReading(true)
                return push()
            case .ended: end(.finished)
            case .failed: end(.broken)
            }
        }
        source.setReading(buffered < Self.bufferBytes && !sawEnd)
        push()
    }

    private func take(_ bytes: ArraySlice<UInt8>) {
        let condition = conditions()
        if condition.loses { isBlackHole = true }
        guard !isBlackHole else { return }
        pieces.append(Piece(due: due(condition), bytes: bytes))
        buffered += bytes.count
    }

    private func end(_ how: End) {
        sawEnd = true
        let condition = conditions()
        if condition.loses { isBlackHole = true }
        if !isBlackHole { pieces.append(Piece(due: due(condition), bytes: [], end: how)) }
    }

    private func due(_ condition: PathCondition) -> Instant {
        var span = condition.delay
        if condition.jitter > .zero { span += condition.jitter * Double.random(in: 0..<1, using: &loop.random) }
        if condition.stalls > 0, Double.random(in: 0..<1, using: &loop.random) < condition.stalls { span += condition.stall }
        lastDue = max(lastDue, loop.now + span)
        return lastDue
    }

    /// Gives on what is due, as far as the sink takes it.
    func push() {
        guard let sink, !isOver else { return }
        let wasFull = buffered >= Self.bufferBytes
        var given = 0, waitsForSink = false
        defer {
            // Only then: a sink that has room says so in every turn.
            if self.sink != nil { sink.setWriting(waitsForSink) }
            // Its end may have emptied it.
            pieces.removeFirst(min(given, pieces.count))
            if wasFull, buffered < Self.bufferBytes { source?.setReading(!sawEnd) }
        }
        let now = loop.now
        while given < pieces.count, !conditions().holds {
            guard pieces[given].due <= now else { return wake(at: pieces[given].due) }
            if let end = pieces[given].end {
                isOver = true
                given += 1
                return passed(end)
            }
            switch pieces[given].bytes.withUnsafeBytes({ sink.send($0) }) {
            case .taken(let count):
                buffered -= count
                pieces[given].bytes = pieces[given].bytes.dropFirst(count)
                guard pieces[given].bytes.isEmpty else { return waitsForSink = true }
                given += 1
            case .failed:
                isOver = true
                return passed(.broken)
            }
        }
    }

    private func wake(at due: Instant) {
        loop.cancel(timer)
        timer = loop.schedule(at: due) { [weak self] in self?.push() }
    }

    func stop() {
        loop.cancel(timer)
        isOver = true
        source = nil
        sink = nil
        pieces = []
    }
}
