import OpenAIDialect
import Testing

@Suite("Bodies of the Messages API that are refused") struct BadMessagesTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let body: String
        let param: String
        let message: String
        var testDescription: String { message }
    }

    private static func members(_ members: String, _ param: String, _ message: String) -> Case {
        Case(body: messagesBody(members), param: param, message: message)
    }

    private static func turns(_ turns: String, _ param: String, _ message: String) -> Case {
        Case(body: #"{"model":"m","max_tokens":9,"messages":\#(turns)}"#, param: param, message: message)
    }

    private static func block(_ block: String, _ message: String, role: String = "user", at param: String = "messages[0].content[1]")
        -> Case
    {
        turns(#"[{"role":"\#(role)","content":[{"type":"text","text":"x"},\#(block)]}]"#, param, message)
    }

    static let inMessages: [Case] = [
        Case(
            body: #"{"model":"m","messages":[{"role":"user","content":"x"}]}"#, param: "max_tokens",
            message: "Missing required parameter: 'max_tokens'."),
        Case(body: #"{"model":"m","max_tokens":1}"#, param: "messages", message: "Missing required parameter: 'messages'."),
        turns("[]", "messages", "Invalid 'messages': expected at least one message."),
        turns("[3]", "messages[0]", "Invalid type for 'messages[0]': expected an object, but got an integer instead."),
        turns(
            #"[{"role":"tool","content":"x"}]"#, "messages[0].role",
            "Invalid value for 'messages[0].role': 'tool'. Supported values are: 'user', 'assistant', 'system'."),
        turns(#"[{"role":"user"}]"#, "messages[0].content", "Missing required parameter: 'messages[0].content'."),
        turns(
            #"[{"role":"user","content":[]}]"#, "messages[0].content", "Invalid 'messages[0].content': expected at least one block."),
        turns(
            #"[{"role":"user","content":{}}]"#, "messages[0].content",
            "Invalid type for 'messages[0].content': expected a string or an array of blocks, but got an object instead."),
        block(#"{}"#, "Missing required parameter: 'messages[0].content[1].type'.", at: "messages[0].content[1].type"),
        block(#"{"type":"text"}"#, "Missing required parameter: 'messages[0].content[1].text'.", at: "messages[0].content[1].text"),
        block(
            #"{"type":"image","source":{}}"#, "Unsupported parameter: 'messages[0].content[1]' is not supported with type 'image'."),
        block(
            #"{"type":"document"}"#, "Unsupported parameter: 'messages[0].content[1]' is not supported with type 'document'."),
        block(
            #"{"type":"server_tool_use"}"#,
            "Unsupported parameter: 'messages[0].content[1]' is not supported with type 'server_tool_use'.", role: "assistant"),
        block(
            #"{"type":"texts"}"#,
            "Invalid value for 'messages[0].content[1].type': 'texts'. Supported values are: 'text', 'tool_result'.",
            at: "messages[0].content[1].type"),
        block(
            #"{"type":"tool_use","id":"a","name":"f","input":{}}"#,
            "Invalid 'messages[0].content[1]': expected no block with type 'tool_use' but in a message of the assistant's."),
        block(
            #"{"type":"tool_result","tool_use_id":"a"}"#,
            "Invalid 'messages[0].content[1]': expected no block with type 'tool_result' but in a message of the user's.",
            role: "assistant"),
        block(
            #"{"type":"tool_use","id":"a","name":"f","input":"{}"}"#,
            "Invalid type for 'messages[0].content[1].input': expected an object, but got a string instead.", role: "assistant",
            at: "messages[0].content[1].input"),
        block(
            #"{"type":"tool_result"}"#, "Missing required parameter: 'messages[0].content[1].tool_use_id'.",
            at: "messages[0].content[1].tool_use_id"),
        block(
            #"{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"x"},{"type":"image"}]}"#,
            "Unsupported parameter: 'messages[0].content[1].content[1]' is not supported with type 'image'.",
            at: "messages[0].content[1].content[1]"),
        block(
            #"{"type":"text","text":"x","cache_control":1}"#,
            "Invalid type for 'messages[0].content[1].cache_control': expected an object, but got an integer instead.",
            at: "messages[0].content[1].cache_control"),
        turns(
            #"[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{}}]}]"#, "messages[0].content",
            "Invalid 'messages[0].content': expected the last message of the assistant's to end with text."),
        turns(
            #"[{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":""}]}]"#, "messages[0].content",
            "Invalid 'messages[0].content': expected the last message of the assistant's to end with text."),
    ]

    static let inMembers: [Case] = [
        members(#""temperature":1.5"#, "temperature", "Invalid 'temperature': expected a value <= 1."),
        members(
            #""stop_sequences":[""]"#, "stop_sequences[0]", "Invalid 'stop_sequences[0]': expected a string that is not empty."),
        members(
            #""stop_sequences":[\#(Array(repeating: "\"x\"", count: 65).joined(separator: ","))]"#, "stop_sequences",
            "Invalid 'stop_sequences': expected an array with at most 64 elements."),
        members(
            #""system":3"#, "system", "Invalid type for 'system': expected a string or an array of text blocks, but got an integer instead."
        ),
        members(
            #""system":[{"type":"image"}]"#, "system[0]", "Unsupported parameter: 'system[0]' is not supported with type 'image'."),
        members(
            #""tools":[{"type":"web_search_20250305","name":"web_search"}]"#, "tools[0]",
            "Unsupported parameter: 'tools[0]' is not supported with type 'web_search_20250305'."),
        members(
            #""tools":[{"type":"bash_20250124","name":"bash"}]"#, "tools[0]",
            "Unsupported parameter: 'tools[0]' is not supported with type 'bash_20250124'."),
        members(#""tools":[{"name":"f"}]"#, "tools[0].input_schema", "Missing required parameter: 'tools[0].input_schema'."),
        members(
            #""tools":[{"name":"f","input_schema":{},"allowed_callers":["code_execution_20250825"]}]"#, "tools[0].allowed_callers",
            "Unsupported parameter: 'tools[0].allowed_callers' is not supported without 'direct'."),
        members(
            #""tool_choice":{"type":"any"}"#, "tool_choice.type",
            "Invalid 'tool_choice.type': expected no call to be required where there are no tools."),
        members(
            #""tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"tool","name":"g"}"#, "tool_choice.name",
            "Invalid 'tool_choice.name': expected the name of one of the tools."),
        members(
            #""tool_choice":"auto""#, "tool_choice",
            "Invalid type for 'tool_choice': expected an object, but got a string instead."),
        members(
            #""thinking":{"type":"enabled"}"#, "thinking.budget_tokens", "Missing required parameter: 'thinking.budget_tokens'."),
        members(
            #""thinking":{"type":"sometimes"}"#, "thinking.type",
            "Invalid value for 'thinking.type': 'sometimes'. Supported values are: 'enabled', 'disabled', 'adaptive', 'between_tools'."),
        members(
            #""output_config":{"effort":"most"}"#, "output_config.effort",
            "Invalid value for 'output_config.effort': 'most'. Supported values are: 'low', 'medium', 'high', 'xhigh', 'max'."),
        members(
            #""output_config":{"format":{"type":"json_object"}}"#, "output_config.format.type",
            "Invalid value for 'output_config.format.type': 'json_object'. Supported values are: 'json_schema'."),
        members(
            #""output_config":{"format":{"type":"json_schema"}}"#, "output_config.format.schema",
            "Missing required parameter: 'output_config.format.schema'."),
        members(#""container":"c""#, "container", "Unsupported parameter: 'container' is not supported."),
        members(#""mcp_servers":[{}]"#, "mcp_servers", "Unsupported parameter: 'mcp_servers' is not supported."),
        members(
            #""context_management":{"edits":[{"type":"clear_tool_uses_20250919"}]}"#, "context_management.edits[0]",
            "Unsupported parameter: 'context_management.edits[0]' is not supported with a type that does not begin with 'clear_thinking_'."),
        members(
            #""metadata":{"user_id":3}"#, "metadata.user_id",
            "Invalid type for 'metadata.user_id': expected a string, but got an integer instead."),
        members(#""nvext":{"cache_salt":"x"}"#, "nvext.cache_salt", "Unsupported parameter: 'nvext.cache_salt' is not supported."),
    ]

    @Test("the field at fault is named", arguments: inMessages + inMembers)
    func fault(_ bad: Case) {
        do throws(DialectError) {
            _ = try messages(bad.body)
            Issue.record("\(bad.message) was expected")
        } catch {
            #expect(error.message == bad.message)
            #expect(error.param == bad.param && error.status == 400 && error.type == "invalid_request_error")
        }
    }

    @Test("a message's results of tools count as messages")
    func resultsAreBounded() {
        let result = #"{"type":"tool_result","tool_use_id":"a"}"#
        let turn = #"{"role":"user","content":[\#(Array(repeating: result, count: 4_096).joined(separator: ","))]}"#
        func refusal(_ turns: Int) -> String? {
            let body = #"{"model":"m","max_tokens":1,"messages":[\#(Array(repeating: turn, count: turns).joined(separator: ","))]}"#
            do throws(DialectError) { _ = try messages(body) } catch { return error.message }
            return nil
        }
        #expect(refusal(4) == nil)
        #expect(refusal(5) == "Invalid 'messages': expected at most 16384 messages and tool results.")
    }
}
