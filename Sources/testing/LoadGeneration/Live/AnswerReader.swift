import Glibc
import JSONText

/// Reads one answer as it arrives, and keeps of it what a load generator reports: pieces, counts, how it ended.
struct AnswerReader {
    struct Usage: Hashable {
        var promptTokens: UInt32?
        var outputTokens: UInt32?
        var cachedTokens: UInt32?
    }

    /// Pieces with content so far.
    private(set) var pieces: UInt32 = 0
    private(set) var usage = Usage()
    /// What is wrong with it, by a kind of which there are few.
    private(set) var failure: String?
    private var isDone = false
    private var status = 0
    private var isStream = false
    /// A line that has not ended; or a body that is read as a whole.
    private var kept: [UInt8] = []
    /// Where the content stood in the chunk before: chunks of a stream are alike up to there.
    private var contentPlace = 0
    private var contentName: StaticString = "content"

    /// Names under which text comes, that of most first: of chats, of completions, of models that think aloud, of tools.
    private static let contentNames: [StaticString] = ["content", "text", "reasoning_content", "reasoning", "arguments"]
    /// Of one event, or of an answer that is no stream. A long answer is some hundred KiB.
    static let mostBytes = 16 << 20
    /// What is read of an answer that says why there is none.
    private static let mostErrorBytes = 16 << 10
    /// Of a server's code in a kind of failure.
    private static let mostCodeBytes = 48
    private static let keptCapacity = 16 << 10

    mutating func begin(status: Int, isStream: Bool) {
        self.status = status
        self.isStream = isStream && status == 200
        pieces = 0
        usage = Usage()
        failure = nil
        isDone = false
        if kept.capacity > Self.keptCapacity { kept = [] } else { kept.removeAll(keepingCapacity: true) }
        contentPlace = 0
    }

    /// Gives how many pieces of content were in it.
    mutating func read(_ part: UnsafeRawBufferPointer) -> UInt32 {
        guard isStream else {
            let room = (status == 200 ? Self.mostBytes : Self.mostErrorBytes) - kept.count
            if part.count <= room { kept.append(contentsOf: part) } else if status == 200 { failure = "answer too long" }
            return 0
        }
        guard let base = part.baseAddress, failure == nil else { return 0 }
        let before = pieces
        var start = 0
        // What follows a failure is not looked at, in whatever pieces it comes.
        while start < part.count, failure == nil, let found = memchr(base + start, 0x0A, part.count - start) {
            let end = base.distance(to: UnsafeRawPointer(found))
            let line = UnsafeRawBufferPointer(rebasing: part[start..<end])
            if kept.isEmpty { take(line) } else { takeKept(with: line) }
            start = end + 1
        }
        if start < part.count, failure == nil { keep(UnsafeRawBufferPointer(rebasing: part[start...])) }
        return pieces - before
    }

    /// The answer is whole as far as HTTP can tell.
    mutating func end() {
        guard failure == nil else { return }
        if isStream {
            if !isDone { failure = "stream without its end" }
        } else {
            let body = kept
            body.withUnsafeBytes { readWhole($0) }
        }
    }

    // MARK: Events

    private mutating func keep(_ bytes: UnsafeRawBufferPointer) {
        guard kept.count + bytes.count <= Self.mostBytes else {
            failure = "event too long"
            return
        }
        kept.append(contentsOf: bytes)
    }

    private mutating func takeKept(with rest: UnsafeRawBufferPointer) {
        keep(rest)
        var line: [UInt8] = []
        swap(&line, &kept)
        line.withUnsafeBytes { take($0) }
        line.removeAll(keepingCapacity: true)
        swap(&line, &kept)
    }

    /// A line without its line feed. What is no data (comments, names of events, empty lines between them) is passed over.
    private mutating func take(_ line: UnsafeRawBufferPointer) {
        guard line.count > 5, Self.begins(line, "data:") else { return }
        let start = line[5] == 0x20 ? 6 : 5, end = line.last == 0x0D ? line.count - 1 : line.count
        guard start < end else { return }
        let data = UnsafeRawBufferPointer(rebasing: line[start..<end])
        if data[0] == UInt8(ascii: "{") { return takeChunk(data) }
        if data.count == 6, Self.begins(data, "[DONE]") { isDone = true } else { failure = "malformed event" }
    }

    private static func begins(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard let base = bytes.baseAddress, bytes.count >= text.utf8CodeUnitCount else { return false }
        return memcmp(base, text.utf8Start, text.utf8CodeUnitCount) == 0
    }

    private mutating func takeChunk(_ chunk: UnsafeRawBufferPointer) {
        // Counts stand at the end of a chunk, as an object within it.
        let mayCount = chunk.count > 2 && chunk[chunk.count - 2] == UInt8(ascii: "}")
        if !mayCount, JSONProbe.hasValue(of: contentName, at: contentPlace, in: chunk), Self.isText(at: contentPlace, in: chunk) {
            pieces += 1
            return
        }
        for name in Self.contentNames {
            guard let place = JSONProbe.value(of: name, in: chunk), Self.isText(at: place, in: chunk) else { continue }
            contentName = name
            contentPlace = place
            pieces += 1
            break
        }
        if let place = JSONProbe.value(of: "usage", in: chunk), chunk[place] == UInt8(ascii: "{") { readUsage(chunk, from: place) }
        if let place = JSONProbe.value(of: "error", in: chunk), chunk[place] != UInt8(ascii: "n") {
            failure = "error in stream\(Self.code(in: chunk))"
        }
    }

    /// A string that is not empty.
    private static func isText(at place: Int, in chunk: UnsafeRawBufferPointer) -> Bool {
        chunk[place] == 0x22 && place + 1 < chunk.count && chunk[place + 1] != 0x22
    }

    // MARK: Whole answers

    private mutating func readWhole(_ body: UnsafeRawBufferPointer) {
        guard status == 200 else {
            failure = "HTTP \(status)\(Self.code(in: body))"
            return
        }
        guard let first = JSONProbe.skipBlanks(from: 0, in: body), body[first] == UInt8(ascii: "{") else {
            failure = "malformed answer"
            return
        }
        if let place = JSONProbe.value(of: "usage", in: body), body[place] == UInt8(ascii: "{") { readUsage(body, from: place) }
        if JSONProbe.value(of: "choices", in: body) == nil { failure = "malformed answer" }
    }

    private mutating func readUsage(_ text: UnsafeRawBufferPointer, from place: Int) {
        usage.promptTokens = JSONProbe.count(of: "prompt_tokens", in: text, from: place) ?? usage.promptTokens
        usage.outputTokens = JSONProbe.count(of: "completion_tokens", in: text, from: place) ?? usage.outputTokens
        usage.cachedTokens = JSONProbe.count(of: "cached_tokens", in: text, from: place) ?? usage.cachedTokens
    }

    /// The code, or else the type, that an error of OpenAI's form names, with a space before it; few letters, none that a terminal obeys.
    private static func code(in body: UnsafeRawBufferPointer) -> String {
        guard let value = try? JSONValue(parsing: body), let error = value["error"] else { return "" }
        let told = error["code"]?.asString ?? error["code"]?.asInt.map { "\($0)" } ?? error["type"]?.asString ?? ""
        let letters = told.utf8.prefix(mostCodeBytes).filter { byte in
            (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || [0x2D, 0x2E, 0x5F].contains(byte)
        }
        return letters.isEmpty ? "" : " " + String(decoding: letters, as: UTF8.self)
    }
}
