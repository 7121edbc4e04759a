import ClusterModel
@testable import HTTPServing

/// What a parser made of a connection's bytes, in a form that can be compared and read.
struct Parsed: Equatable, CustomStringConvertible {
    var requests: [String] = []
    var refusal: String?
    var kind: HTTPRefusalKind?
    var status: Int?

    var description: String { (requests + [refusal.map { "\(status ?? 0): \($0)" } ?? "no refusal"]).joined(separator: " | ") }
}

/// Feeds `bytes` in pieces whose lengths `piece` gives, each in memory of its own so that nothing can be read beyond it.
func parse(
    _ bytes: [UInt8], limits: HTTPLimits = HTTPLimits(), reusing storage: (head: RequestHead, body: [UInt8])? = nil,
    piece: (_ offset: Int) -> Int = { _ in .max }
) -> Parsed {
    var parser = RequestParser(limits), parsed = Parsed(), offset = 0, pending = ""
    if let storage { parser.reuse(storage.head, body: storage.body) }
    do throws(HTTPRefusal) {
        while offset < bytes.count {
            let end = offset + min(max(1, piece(offset)), bytes.count - offset)
            let input = Array(bytes[offset..<end])
            offset = end
            try input.withUnsafeBufferPointer { (buffer) throws(HTTPRefusal) in
                var cursor = 0
                let input = UnsafeRawBufferPointer(buffer)
                while true {
                    switch try parser.next(input, from: &cursor) {
                    case .needsMore: return
                    case .head(let head):
                        let request = HTTPRequest(head, receivedAt: .zero, remoteIsLoopback: true)
                        let fields = request.headers.all.map { "\($0.name)=\($0.value)" }.joined(separator: ";")
                        pending = "\(request.method.text) \(request.path) \(request.rawQuery ?? "-") [\(fields)] "
                        pending += "\(request.framing)\(request.closes ? " closes" : "")\(request.expectsContinue ? " expects" : "")"
                        try parser.readBody(upTo: limits.bodyBytes, keeping: true)
                    case .complete: parsed.requests.append("\(pending) <\(String(decoding: parser.takeBody(), as: UTF8.self))>")
                    }
                }
            }
        }
    } catch {
        parsed.refusal = error.reason.description
        parsed.kind = error.kind
        parsed.status = error.status.code
    }
    return parsed
}

func parse(_ text: String, limits: HTTPLimits = HTTPLimits()) -> Parsed { parse(Array(text.utf8), limits: limits) }
