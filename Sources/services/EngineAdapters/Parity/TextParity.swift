import ClusterModel
import EventLoop
import TextProcessing

/// Whether frontends, which have the files of this worker's model, make the same prompts of conversations as its engine does.
enum TextParity: Hashable, Sendable, CustomStringConvertible {
    /// So many conversations are token for token the same.
    case shown(chats: Int)
    /// The engine cannot be asked.
    case unknown
    /// The first token that is another, counted from 0.
    case differs(chat: String, position: Int)

    var description: String {
        switch self {
        case .shown(let chats): "\(chats) conversations are the same here and there"
        case .unknown: "the engine does not tell how it renders conversations"
        case .differs(let chat, let position):
            "the engine renders the conversation \(chat) otherwise, from token \(position) on: its files and those of --model differ"
        }
    }

    /// Asks for one conversation after another, up to the first difference.
    @LoopActor
    static func check(_ text: ModelText, _ probe: any ParityProbe, _ server: EngineServer) async -> TextParity {
        var shown = 0
        for chat in ParityChat.all {
            let theirs: [TokenID]?
            do throws(ServerProblem) { theirs = try await probe.tokens(of: chat, from: server) } catch { continue }
            // A template that knows no tools, say, refuses them on both sides, or on one in its own way.
            guard let theirs, let ours = tokens(text, chat, server) else { continue }
            guard ours == theirs else {
                return .differs(chat: chat.name, position: zip(ours, theirs).prefix { $0 == $1 }.count)
            }
            shown += 1
        }
        return shown == 0 ? .unknown : .shown(chats: shown)
    }

    @LoopActor
    private static func tokens(_ text: ModelText, _ chat: ParityChat, _ server: EngineServer) -> [TokenID]? {
        var tokens: [TokenID] = []
        let context = TemplateContext(unixSeconds: server.loop.wallClockMilliseconds / 1_000)
        do throws(TextError) { try text.encode(.conversation(chat.conversation), context, atMost: .max, into: &tokens) } catch {
            return nil
        }
        return tokens
    }
}
