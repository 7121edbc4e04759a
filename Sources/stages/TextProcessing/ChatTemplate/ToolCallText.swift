import ClusterModel
import JSONText

/// `{"name": …, "arguments": …}` as models write a call.
enum ToolCallText {
    static func json(of call: ToolCall) -> String {
        var text = Array(#"{"name": "#.utf8)
        JSONWriter.appendQuoted(call.name, to: &text)
        text.append(contentsOf: #", "arguments": "#.utf8)
        // Arguments that are no JSON were the model's mistake; it sees them as the text they were.
        if (try? JSONValue(parsing: call.arguments)) != nil {
            text.append(contentsOf: call.arguments.utf8)
        } else {
            JSONWriter.appendQuoted(call.arguments, to: &text)
        }
        text.append(UInt8(ascii: "}"))
        return String(decoding: text, as: UTF8.self)
    }
}
