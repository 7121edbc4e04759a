import HTTPSyntax
import JSONText

/// Writes whole requests, head and body, from parts that are prepared once.
struct RequestWriter {
    /// A part that cannot be sent as what it is.
    struct Unsendable: Error, Hashable, CustomStringConvertible {
        let name: String
        var description: String { "the header '\(name.prefix(80))' cannot be sent: its name or its value has bytes that no header has" }
    }

    private let prompts: PromptBytes
    /// From the method to the last header that all requests share.
    private let head: [UInt8]
    /// A line for each tenant; empty: none.
    private let tenantLines: [[UInt8]]
    private let tenantName: [UInt8]?
    private let sessionName: [UInt8]?
    /// Of the body: before the prompt, behind it up to the length, behind the length.
    private let opening: [UInt8]
    private let middle: [UInt8]
    private let ending: [UInt8]
    private let fixesLength: Bool
    /// Of the present body, whose length the head has to say.
    private var body: [UInt8] = []

    /// What a body may leave behind for the next one: a prompt of a hundred thousand tokens.
    private static let keptBytes = 1 << 20

    init(_ form: RequestForm, target: LoadTarget, blockTokens: UInt32) throws(Unsendable) {
        prompts = PromptBytes(form.prompt, blockTokens: blockTokens)
        var head = "POST \(target.prefix)\(form.api.path) HTTP/1.1\r\nHost: \(target.authority)\r\nContent-Type: application/json\r\n"
        for (name, value) in form.headers { head += try Self.line(name, value) }
        self.head = Array(head.utf8)
        var lines: [[UInt8]] = []
        for key in form.keys { lines.append(Array(try Self.line("Authorization", "Bearer \(key)").utf8)) }
        tenantLines = lines
        tenantName = try form.tenantHeader.map { (name) throws(Unsendable) in Array(try Self.line(name, "tenant-").utf8.dropLast(2)) }
        sessionName = form.sessionHeader.isEmpty ? nil : Array(try Self.line(form.sessionHeader, "loadgen-").utf8.dropLast(2))

        var opening = Array("{\"model\":".utf8)
        JSONWriter.appendQuoted(form.model, to: &opening)
        HTTPText.append(form.streams ? ",\"stream\":true" : ",\"stream\":false", to: &opening)
        if form.streams, form.asksUsage { HTTPText.append(",\"stream_options\":{\"include_usage\":true}", to: &opening) }
        if form.fixesLength { HTTPText.append(",\"ignore_eos\":true", to: &opening) }
        switch form.api {
        case .chat: HTTPText.append(",\"messages\":[{\"role\":\"user\",\"content\":", to: &opening)
        case .completions: HTTPText.append(",\"prompt\":", to: &opening)
        }
        self.opening = opening
        middle = Array((form.api == .chat ? "}],\"max_tokens\":" : ",\"max_tokens\":").utf8)
        ending = Array("}".utf8)
        fixesLength = form.fixesLength
    }

    private static func line(_ name: String, _ value: String) throws(Unsendable) -> String {
        guard !name.isEmpty, name.utf8.allSatisfy({ ByteClass.token.contains($0) }),
            value.utf8.allSatisfy({ ByteClass.fieldValue.contains($0) })
        else { throw Unsendable(name: name) }
        return "\(name): \(value)\r\n"
    }

    mutating func append(_ item: LoadItem, to out: inout [UInt8]) {
        let request = item.request
        body.append(contentsOf: opening)
        prompts.append(item, to: &body)
        body.append(contentsOf: middle)
        JSONWriter.appendDigits(UInt64(request.outputTokens), to: &body)
        if fixesLength {
            HTTPText.append(",\"min_tokens\":", to: &body)
            JSONWriter.appendDigits(UInt64(request.outputTokens), to: &body)
        }
        body.append(contentsOf: ending)

        out.append(contentsOf: head)
        if !tenantLines.isEmpty { out.append(contentsOf: tenantLines[Int(request.tenant) % tenantLines.count]) }
        if let tenantName { Self.append(tenantName, UInt64(request.tenant), to: &out) }
        if let sessionName, let session = request.session { Self.append(sessionName, session, to: &out) }
        HTTPText.append("Content-Length: ", to: &out)
        HTTPText.append(decimal: body.count, to: &out)
        HTTPText.append("\r\n\r\n", to: &out)
        out.append(contentsOf: body)
        if body.capacity > Self.keptBytes { body = [] } else { body.removeAll(keepingCapacity: true) }
    }

    private static func append(_ line: [UInt8], _ number: UInt64, to out: inout [UInt8]) {
        out.append(contentsOf: line)
        JSONWriter.appendDigits(number, to: &out)
        HTTPText.append("\r\n", to: &out)
    }
}
