import ClusterModel
import JSONText
import Testing

@testable import EngineAdapters
@testable import Engines

@Suite("Text parity with a server")
struct TextParityTests {
    /// What the real server makes of the conversations for which it was recorded, by their text.
    private func scene(_ answer: @escaping @Sendable (JSONValue) -> String?) throws -> (ServedScene, EngineProfile) {
        let scene = try ServedScene()
        try scene.replayVLLM()
        scene.answer("/tokenize") { asked in
            guard let body = try? JSONValue(parsing: asked.body), let text = answer(body) else { return .json(400, "{}") }
            return .json(text)
        }
        return (scene, try scene.begin().get())
    }

    private static let plain = #"{"tokens":[1161,284,198,317,287,266,438,333,1032,30,1162,198,1161,281,198]}"#

    private static func isPlain(_ body: JSONValue) -> Bool {
        body["tools"] == nil && body["messages"]?.asArray?.count == 1
            && body["messages"]?[0]?["content"]?.asString == "What is the capital of Japan?"
    }

    @Test("a server that encodes as we do is counted on")
    func same() throws {
        let (scene, profile) = try scene { Self.isPlain($0) ? Self.plain : nil }
        #expect(profile.cacheReport == .silent && scene.remarks.isEmpty)
        #expect(scene.questions("/tokenize").count == ParityChat.all.count)
    }

    @Test("one that differs is placed by load, and the place of the difference is told without a word of text")
    func different() throws {
        let (scene, profile) = try scene { Self.isPlain($0) ? Self.plain.replacing("438,333", with: "438,334") : nil }
        #expect(profile.cacheReport == .noCache)
        #expect(scene.remarks.count == 1 && scene.remarks.first?.contains("plain otherwise, from token 7 on") == true)
        #expect(!scene.remarks.joined().contains("Japan"))
    }

    @Test(
        "one that is longer or shorter differs behind the last common token",
        arguments: [("198]}", "198,5]}", 15), ("281,198]}", "281]}", 14)])
    func length(end: String, other: String, position: Int) throws {
        let (scene, _) = try scene { Self.isPlain($0) ? Self.plain.replacing(end, with: other) : nil }
        #expect(scene.remarks.first?.contains("from token \(position) on") == true)
    }

    @Test("one that cannot be asked, or answers nonsense, is believed", arguments: [String?.none, "[]", #"{"tokens":[-1]}"#, "{"])
    func unknown(answer: String?) throws {
        let (scene, profile) = try scene { _ in answer }
        #expect(profile.cacheReport == .silent && scene.remarks.isEmpty)
    }
}
