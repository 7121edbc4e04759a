import ClusterModel
package import EventLoop
import HTTPClient
import JSONText

/// What a load asks a server before it begins: its model, and how its tokenizer counts the words of our prompts.
@LoopActor
package final class ServerProbe {
    package struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String
    }

    private let target: LoadTarget
    private let connection: HTTPClientConnection
    private let loop: Loop
    private let timeout: Duration

    package init(on loop: Loop, sockets: any SocketSystem, target: LoadTarget, address: String, timeout: Duration = .seconds(30)) {
        self.loop = loop
        self.target = target
        self.timeout = timeout
        connection = HTTPClientConnection(on: loop, sockets: sockets, host: address, port: target.port)
    }

    package func close() { connection.close() }

    /// The first model that the server lists.
    package func firstModel(_ form: RequestForm) async throws(Failure) -> String {
        var headers = form.headers
        headers.append(("Host", target.authority))
        if let key = form.keys.first { headers.append(("Authorization", "Bearer \(key)")) }
        let path = "\(target.prefix)/v1/models"
        let response: HTTPClientResponse
        do throws(HTTPClientError) {
            response = try await connection.fetch(HTTPClientRequest("GET", path, headers: headers), until: loop.now + timeout)
        } catch { throw Self.failure(error, target) }
        guard response.status == 200 else { throw Self.refusal(response, "GET \(path)") }
        guard let id = (try? JSONValue(parsing: response.body))?["data"]?[0]?["id"]?.asString, !id.isEmpty else {
            throw Failure(description: "\(target.text) lists no model at \(path); name one with --model")
        }
        return id
    }

    /// Measured with two prompts: what a template adds is in both of them, and so in neither result.
    package func charactersPerToken(_ form: RequestForm, seed: UInt64) async throws(Failure) -> Double {
        var tokens: [Double] = []
        for (number, characters) in Self.measured.enumerated() {
            var form = form
            form.prompt = form.prompt.stretched(1)
            form.streams = false
            let request = PlannedRequest(due: .zero, promptTokens: characters, outputTokens: 1)
            let item = LoadItem(request, salt: PromptSalt.mix(seed, UInt64(number) | 1 << 56))
            tokens.append(Double(try await promptTokens(of: item, form)))
        }
        let added = tokens[1] - tokens[0]
        guard added >= 1 else {
            throw Failure(description: "\(target.text) does not count the tokens of prompts; say how long they are with --chars-per-token")
        }
        return Double(Self.measured[1] - Self.measured[0]) / added
    }

    /// Characters of the two prompts: enough words to be a mean, and few enough for the smallest context windows.
    private static let measured: [UInt32] = [200, 1_400]

    private func promptTokens(of item: LoadItem, _ form: RequestForm) async throws(Failure) -> UInt32 {
        var writer: RequestWriter
        do throws(RequestWriter.Unsendable) { writer = try RequestWriter(form, target: target, blockTokens: 0) } catch {
            throw Failure(description: error.description)
        }
        let gathering = Gathering(on: loop)
        connection.start(until: loop.now + timeout, gathering) { writer.append(item, to: &$0) }
        if let error = await gathering.outcome.wait(until: loop.now + timeout + .seconds(1)) ?? .timedOut {
            throw Self.failure(error, target)
        }
        if let failure = gathering.answer.failure {
            throw Failure(description: "\(target.text) refuses a short prompt (\(failure)); see --model, --api and --api-key-file")
        }
        return gathering.answer.usage.promptTokens ?? 0
    }

    // MARK: Words

    private static func failure(_ error: HTTPClientError, _ target: LoadTarget) -> Failure {
        if case .connecting(let error) = error {
            return Failure(description: "nobody answers at \(target.text) (\(error)): is the server up, and does it listen there?")
        }
        return Failure(description: "\(target.text): \(error)")
    }

    private static func refusal(_ response: HTTPClientResponse, _ asked: String) -> Failure {
        let error = (try? JSONValue(parsing: response.body))?["error"]?["message"]?.asString
        let reason = error.map { ": \($0.prefix(200).filter { !$0.isNewline })" } ?? ""
        return Failure(description: "\(asked) was answered with status \(response.status)\(reason)")
    }
}

/// One answer that somebody waits for.
@LoopActor
private final class Gathering: HTTPClientHandler {
    var answer = AnswerReader()
    let outcome: Promise<HTTPClientError?>

    init(on loop: Loop) { outcome = Promise(on: loop) }

    func answerBegan(_ head: HTTPClientHead) { answer.begin(status: head.status, isStream: false) }
    func answerReceived(_ part: UnsafeRawBufferPointer) { _ = answer.read(part) }
    func answerEnded(_ error: HTTPClientError?) {
        if error == nil { answer.end() }
        outcome.fulfil(error)
    }
}
