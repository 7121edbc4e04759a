import ClusterModel
@testable import HTTPClient
@testable import HTTPServing

extension FuzzTarget {
    /// The bytes of a client: in one piece, and in pieces whose sizes the input chooses, they are the same requests and the same refusal; and what
    /// was accepted is read the same when it is written plainly.
    static let request = FuzzTarget(name: "request", longest: 1024) { bytes in
        guard let first = bytes.first else { return }
        let stream = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
        var limits = HTTPLimits()
        limits.headerBytes = 700
        limits.targetBytes = 200
        limits.headerCount = 20
        limits.bodyBytes = 300
        let whole = requests(of: stream, limits, piece: max(stream.count, 1)),
            cut = requests(of: stream, limits, piece: Int(first) % 23 + 1)
        demand(whole == cut, "cut into pieces of \(Int(first) % 23 + 1) bytes the requests are others")
        for request in whole.requests {
            demand(request.path.hasPrefix("/") || request.path == "*", "a path that is none: \(request.path)")
            demand(!"\(request.path)/".contains("/../") && !request.path.contains("//"), "a path that climbs: \(request.path)")
            let plain = request.written
            let again = plain.withUnsafeBytes { requests(of: $0, HTTPLimits(), piece: plain.count) }
            demand(again.requests == [request] && again.refusal == nil, "written plainly it is another request")
        }
    }

    private struct Request: Equatable {
        var method = "", target = "", path = "", isHTTP10 = false, fields: [String] = [], body: [UInt8] = []

        /// With its body in a length, whatever it came in.
        var written: [UInt8] {
            var text = "\(method) \(target) HTTP/1.\(isHTTP10 ? 0 : 1)\r\n"
            for field in fields { text += "\(field)\r\n" }
            return Array("\(text)Content-Length: \(body.count)\r\n\r\n".utf8) + body
        }
    }

    private struct Requests: Equatable {
        var requests: [Request] = []
        var refusal: String?
    }

    private static func requests(of stream: UnsafeRawBufferPointer, _ limits: HTTPLimits, piece: Int) -> Requests {
        var parser = RequestParser(limits), found = Requests(), request = Request(), offset = 0
        do throws(HTTPRefusal) {
            while offset < stream.count {
                // Memory of its own, so that reading past what has arrived is seen by the sanitizer.
                let input = Array(stream[offset..<min(offset + piece, stream.count)])
                offset += input.count
                try input.withUnsafeBufferPointer { (buffer) throws(HTTPRefusal) in
                    let input = UnsafeRawBufferPointer(buffer)
                    var cursor = 0
                    while true {
                        let event = try parser.next(input, from: &cursor)
                        demand(cursor <= input.count, "more was used than there is")
                        switch event {
                        case .needsMore:
                            demand(cursor == input.count, "more is wanted though some is left")
                            return
                        case .head(let head):
                            let read = HTTPRequest(head, receivedAt: .zero, remoteIsLoopback: false)
                            // Repaired text would not be the same twice.
                            let fields = read.headers.all.filter {
                                !["content-length", "transfer-encoding"].contains($0.name.lowercased())
                            }
                            .filter { $0.value.utf8.allSatisfy { $0 < 0x80 } }.map { "\($0.name): \($0.value)" }
                            let query = read.rawQuery.map { "?\($0)" } ?? ""
                            request = Request(
                                method: read.method.text, target: read.target.isAsterisk ? "*" : escaped(read) + query, path: read.path,
                                isHTTP10: read.isHTTP10, fields: fields)
                            try parser.readBody(upTo: limits.bodyBytes, keeping: true)
                        case .complete:
                            request.body = parser.takeBody()
                            demand(request.body.count <= limits.bodyBytes, "a body beyond its limit")
                            found.requests.append(request)
                        }
                    }
                }
            }
        } catch { found.refusal = "\(error.status.code) \(error.reason)" }
        return found
    }

    /// The decoded path, with an escape for every byte but slashes that separate.
    private static func escaped(_ request: HTTPRequest) -> String {
        request.withPath { path in
            path.map { byte in
                guard byte != UInt8(ascii: "/") else { return "/" }
                let shown = byte == RequestTarget.escapedSlash ? UInt8(ascii: "/") : byte
                return "%" + (shown < 16 ? "0" : "") + String(shown, radix: 16)
            }.joined()
        }
    }

    /// The bytes of a server: in any pieces the same answer, and its events the same events.
    static let answer = FuzzTarget(name: "answer", longest: 1024) { bytes in
        guard let first = bytes.first else { return }
        let stream = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
        let whole = answer(of: stream, piece: max(stream.count, 1)), cut = answer(of: stream, piece: Int(first) % 23 + 1)
        demand(whole == cut, "cut into pieces of \(Int(first) % 23 + 1) bytes the answer is another")
    }

    private struct Answer: Equatable {
        var status = 0, body: [UInt8] = [], isComplete = false, keeps = false, error: HTTPClientError?, events: [[UInt8]] = []
    }

    private static func answer(of stream: UnsafeRawBufferPointer, piece: Int) -> Answer {
        var parser = ResponseParser(HTTPClientLimits(), answersHead: false), reader = SSEReader(limit: 100), answer = Answer(), offset = 0
        var isTooLong = false
        do throws(HTTPClientError) {
            while offset < stream.count, !answer.isComplete {
                let input = Array(stream[offset..<min(offset + piece, stream.count)])
                offset += input.count
                try input.withUnsafeBufferPointer { (buffer) throws(HTTPClientError) in
                    let input = UnsafeRawBufferPointer(buffer)
                    var cursor = 0
                    while true {
                        switch try parser.next(input, from: &cursor) {
                        case .needsMore: return
                        case .head(let head): answer.status = head.status
                        case .part(let place):
                            let part = UnsafeRawBufferPointer(rebasing: input[place])
                            answer.body.append(contentsOf: part)
                            guard !isTooLong else { continue }
                            do throws(SSEReader.TooLong) {
                                try reader.read(part) { answer.events.append([UInt8]($0.name) + [0x7C] + [UInt8]($0.data)) }
                            } catch { isTooLong = true }
                        case .complete:
                            answer.isComplete = true
                            return
                        }
                    }
                }
            }
        } catch { answer.error = error }
        answer.keeps = parser.keepsConnection
        return answer
    }
}
