import ClusterModel
import ServiceRuntime
import WireProtocol

/// How clients name their sessions, and how strictly these are followed.
struct SessionSettings: Sendable {
    var mode = SessionMode.soft
    /// Headers that name a session, ours first: the first that a request has counts.
    var headers = SessionSettings.knownHeaders
    /// The cookie that sessions are kept in for clients that name none; nil: none is read or set.
    var cookie: String?
    var cookieLife = Duration.seconds(86_400)

    /// Ours; llm-d's, Dynamo's and LiteLLM's; aiperf's older one.
    static let knownHeaders = ["x-session-id", "x-session-token", "x-dynamo-session-id", "x-litellm-session-id", "x-correlation-id"]
    /// The one that overrides what a body says.
    static let ownHeader = "x-session-id"
    /// Each costs a look at every request.
    static let mostHeaders = 8
}

/// The options of a frontend's sessions.
struct SessionOptions: Sendable {
    private enum Mode: String, CaseIterable, Sendable { case soft, hard }

    private let mode: OptionKey<Mode>
    private let headers: OptionKey<[String]>
    private let cookie: OptionKey<String?>
    private let cookieLife: OptionKey<Duration>

    init(in table: inout OptionTable) {
        let settings = SessionSettings()
        table.group("Sessions")
        mode = table.option(
            "session-mode", .word(), default: .soft,
            help: "Whether a request goes elsewhere when its session's worker is full (soft), or waits for it (hard).")
        headers = table.list(
            "session-headers", .text("NAMES", problem: Self.tokenProblem), default: settings.headers,
            count: 0...SessionSettings.mostHeaders,
            help: "Request headers that name a session, the first that is there counts; empty: none.")
        cookie = table.optional(
            "session-cookie", .text("NAME", problem: Self.tokenProblem),
            help: "Keeps a session for clients that name none, in a cookie of this name. By default there is none.")
        cookieLife = table.option(
            "session-cookie-life", .duration(.seconds(60)...(.seconds(31_536_000))), default: settings.cookieLife,
            help: "How long that cookie is good for, unless it is renewed.")
    }

    func settings(_ resolved: ResolvedConfiguration) -> SessionSettings {
        var settings = SessionSettings()
        settings.mode = resolved[mode] == .hard ? .hard : .soft
        settings.headers = resolved[headers].map { $0.lowercased() }
        settings.cookie = resolved[cookie]
        settings.cookieLife = resolved[cookieLife]
        return settings
    }

    /// Names of headers and cookies are tokens of RFC 9110.
    @Sendable private static func tokenProblem(_ text: String) -> ValueProblem? {
        let marks = Set("!#$%&'*+-.^_`|~".utf8)
        let fits =
            (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || marks.contains(byte)
            }
        return fits ? nil : ValueProblem("it is no name", remedy: "write letters, digits and hyphens, 64 at most")
    }
}
