@testable import LoadGeneration

extension FuzzTarget {
    /// What a load generator reads of a server's answer: in any pieces the same. The first byte chooses the pieces and the kind of answer.
    static let loadAnswer = FuzzTarget(name: "load-answer", longest: 2048) { bytes in
        guard let first = bytes.first else { return }
        let body = Array(bytes.dropFirst()), step = Int(first >> 2) % 23 + 1, isStream = first & 1 == 0
        let status = first & 2 == 0 ? 200 : 503
        let whole = counted(body, status, isStream, piece: max(body.count, 1)), cut = counted(body, status, isStream, piece: step)
        demand(whole == cut, "cut into pieces of \(step) bytes the answer is another")
        demand(Int(whole.pieces) <= body.count, "more pieces than bytes")
    }

    private struct Counted: Equatable {
        var pieces: UInt32
        var usage: AnswerReader.Usage
        var failure: String?
    }

    private static func counted(_ body: [UInt8], _ status: Int, _ isStream: Bool, piece: Int) -> Counted {
        var reader = AnswerReader(), sum: UInt32 = 0
        reader.begin(status: status, isStream: isStream)
        for start in stride(from: 0, to: body.count, by: piece) {
            let part = Array(body[start..<min(start + piece, body.count)])
            sum += part.withUnsafeBytes { reader.read($0) }
        }
        reader.end()
        demand(sum == reader.pieces, "pieces are told that are not counted")
        return Counted(pieces: reader.pieces, usage: reader.usage, failure: reader.failure)
    }
}
