import HTTPSyntax

/// What to ask a server. Host, length and the connection's own fields are added.
package struct HTTPClientRequest: Sendable {
    package var method: String
    /// The path and query as they are to be sent.
    package var target: String
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]

    package init(_ method: String, _ target: String, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
    }

    package static func get(_ target: String) -> HTTPClientRequest { HTTPClientRequest("GET", target) }

    package static func post(_ target: String, json body: [UInt8]) -> HTTPClientRequest {
        HTTPClientRequest("POST", target, headers: [("Content-Type", "application/json")], body: body)
    }

    /// The request as bytes; nil if part of it cannot be sent as what it is.
    func encoded(host: String) -> [UInt8]? {
        guard Self.isMade(of: .token, method), !method.isEmpty, Self.isMade(of: .query, target), !target.isEmpty else { return nil }
        var text = "\(method) \(target) HTTP/1.1\r\n"
        if !headers.contains(where: { $0.name.lowercased() == "host" }) { text += "Host: \(host)\r\n" }
        for (name, value) in headers {
            guard !name.isEmpty, Self.isMade(of: .token, name), Self.isMade(of: .fieldValue, value) else { return nil }
            text += "\(name): \(value)\r\n"
        }
        if !body.isEmpty || ["POST", "PUT", "PATCH"].contains(method) { text += "Content-Length: \(body.count)\r\n" }
        text += "\r\n"
        var bytes = Array(text.utf8)
        bytes.append(contentsOf: body)
        return bytes
    }

    private static func isMade(of wanted: ByteClass, _ text: String) -> Bool { text.utf8.allSatisfy { wanted.contains($0) } }
}

/// How an answer begins.
package struct HTTPClientHead: Sendable {
    package let status: Int
    let table: FieldTable

    package subscript(_ name: StaticString) -> String? { table[name] }
    package func values(of name: StaticString) -> [String] { table.values(of: name) }
}

package struct HTTPClientResponse: Sendable {
    package let head: HTTPClientHead
    package let body: [UInt8]

    package var status: Int { head.status }
    package subscript(_ name: StaticString) -> String? { head[name] }
    package var text: String { String(decoding: body, as: UTF8.self) }
}

/// What a client accepts from a server, which it trusts no more than a server trusts its clients.
package struct HTTPClientLimits: Hashable, Sendable {
    package var headerBytes = 64 << 10
    package var headerCount = 256
    /// Of an answer that is gathered as a whole; a stream has no limit but its deadline.
    package var bodyBytes = 64 << 20
    package var connect = Duration.seconds(5)
    /// Interim answers (100 and the like) before the real one.
    package var interimAnswers = 8

    package init() {}
}
