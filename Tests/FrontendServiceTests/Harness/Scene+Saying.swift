import EventLoop
import HTTPClient
import JSONText
import WireProtocol

@testable import FrontendService

extension Scene {
    /// Its worker says these texts, one a frame.
    static func saying(
        _ texts: [String], finish: FinishReason = .endOfText, constrains: Bool = false, change: (inout ModelCard) -> Void = { _ in }
    ) -> Scene {
        let scene = Scene(
            workers: 1,
            card: card {
                if constrains { $0.capabilities.insert(.constraints) }
                change(&$0)
            })
        scene.onWorker { job in
            job.accept()
            for (place, text) in texts.enumerated() {
                let isLast = place == texts.count - 1
                job.after(.milliseconds(5) * (place + 1)) {
                    $0.say(text, finish: isLast ? finish : nil)
                    if isLast { $0.end(.finished) }
                }
            }
        }
        return scene
    }

    func onWorker(_ script: @escaping @LoopActor @Sendable (Job) -> Void) { worker { $0.script = script } }

    /// What the worker was asked for last.
    var lastEntry: GenerateEntry? { worker { $0.jobs.last?.entry } }

    /// The schema that bound that output.
    var lastSchema: JSONValue? { lastEntry?.constraint.flatMap { try? JSONValue(parsing: $0.source) } }

    func post(_ path: String, _ body: String) -> Client { send(.post(path, json: Array(body.utf8))) }
}

extension Answer {
    /// Of the error that came in place of an answer.
    var errorParam: String? { json["error"]?["param"]?.asString }
    var firstMessage: JSONValue? { json["choices"]?[0]?["message"] }
}
