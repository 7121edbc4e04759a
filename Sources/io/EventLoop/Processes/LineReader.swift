/// What another program writes, as lines: bounded, and read to the end whether anybody wants them or not, since who writes must not wait.
@LoopActor
final class LineReader: ByteSocketOwner {
    private let socket: any ByteSocket
    private let tell: @LoopActor (String) -> Void
    private var line: [UInt8] = []
    private var isOver = false

    /// What of a longer line is told: enough for what programs say of their failures.
    private static let lineBytes = 1 << 10
    /// Read at once.
    private static let pieceBytes = 16 << 10
    /// Pieces of one turn: who writes without end holds up nobody else.
    private static let piecesPerTurn = 16

    init(_ socket: any ByteSocket, _ tell: @escaping @LoopActor (String) -> Void) {
        self.socket = socket
        self.tell = tell
    }

    func start() { socket.start(self) }

    func socketReady(_ events: FileEvents) { read() }

    private func read() {
        withUnsafeTemporaryAllocation(byteCount: Self.pieceBytes, alignment: 1) { room in
            for _ in 0..<Self.piecesPerTurn where !isOver {
                switch socket.receive(into: room) {
                case .bytes(let count): take(UnsafeRawBufferPointer(rebasing: room[..<count]))
                case .nothing: return
                case .ended, .failed: return close()
                }
            }
        }
    }

    /// The program is over: what it wrote last is read. Whoever has inherited its outputs is not waited for.
    func finish() {
        read()
        close()
    }

    private func close() {
        guard !isOver else { return }
        isOver = true
        endLine()
        socket.close()
    }

    private func take(_ bytes: UnsafeRawBufferPointer) {
        for byte in bytes {
            if byte == UInt8(ascii: "\n") { endLine() } else if line.count < Self.lineBytes { line.append(byte) }
        }
    }

    private func endLine() {
        if !line.isEmpty { tell(String(decoding: line, as: UTF8.self)) }
        line.removeAll(keepingCapacity: true)
    }
}
