import Glibc
import TextProcessing

/// Which forms of calls and thoughts are found in the chat templates of a folder.
///
///     textcheck formats TEMPLATES
enum FormatsCheck {
    /// Templates that speak of tools, and why no form is found in them.
    private static let reasons = [
        "CohereForAI-c4ai-command-r-plus-tool_use.jinja": "a fenced list behind the word Action, no marker of its own",
        "fireworks-ai-llama-3-firefunction-v2.jinja": "the word functools before a list, no marker of its own",
        "GigaChat3-10B-A1.8B.jinja": "calls are messages of a role of their own",
        "GigaChat3.1-10B-A1.8B.jinja": "a form of its own",
        "google-gemma-4-31B-it.jinja": "a notation of its own, neither JSON nor Python",
        "google-gemma-4-31B-it-interleaved.jinja": "a notation of its own, neither JSON nor Python",
        "HuggingFaceTB-SmolLM3-3B.jinja": "its tools are text of the system message",
        "Kimi-K3.jinja": "a markup of its own",
        "meetkai-functionary-medium-v3.2.jinja": "recipients behind >>>, plain text of which any quotation is made",
        "MiniMax-M3.jinja": "every parameter is a tag of its own name",
        "muse-glimmer.jinja": "a markup of its own in messages to recipients",
        "openbmb-MiniCPM5-1B.jinja": "a markup of its own",
        "tencent-Hy3.jinja": "markers that the template puts together",
        "upstage-Solar-Open-100B.jinja": "messages of a role of their own",
    ]

    static func run(_ arguments: [String]) throws(CheckError) -> Bool {
        guard arguments.count == 1 else { throw CheckError(reason: "the folder of templates is expected") }
        var missing = 0, found = 0, unused = Set(reasons.keys)
        let names = try templates(in: arguments[0])
        guard !names.isEmpty else { throw CheckError(reason: "there are no templates in \(arguments[0])") }
        for name in names {
            let source = try text(of: arguments[0] + "/" + name)
            let tools = ToolFormat.detected(inTemplate: source), reasoning = ReasoningFormat.detected(inTemplate: source)
            var line = "\(name): \(tools?.rawValue ?? "-") \(reasoning?.rawValue ?? "-")"
            if tools != nil {
                found += 1
            } else if source.contains("tool") {
                if let reason = reasons[name] {
                    unused.remove(name)
                    line += " (\(reason))"
                } else {
                    missing += 1
                    line += " MISSING"
                }
            }
            print(line)
        }
        print("formats: \(found) of \(names.count) templates have a form of calls, \(missing) are missing")
        for name in unused.sorted() { print("formats: \(name) is excused for nothing") }
        return missing == 0 && unused.isEmpty
    }

    private static func templates(in folder: String) throws(CheckError) -> [String] {
        guard let directory = opendir(folder) else { throw CheckError(reason: "\(folder) cannot be read") }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name.hasSuffix(".jinja") { names.append(name) }
        }
        return names.sorted()
    }

    static func text(of path: String) throws(CheckError) -> String {
        guard let file = fopen(path, "r") else { throw CheckError(reason: "\(path) cannot be read") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { break }
            bytes.append(contentsOf: buffer[..<count])
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
