import OpenAIDialect
import Testing

@Suite("Bodies that are refused") struct BadBodyTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let body: String
        let message: String
        let param: String?
        let code: String
        var status = 400
        var testDescription: String { message }
    }

    private static func members(_ members: String, _ param: String, _ message: String, _ code: String) -> Case {
        Case(body: chatBody(members), message: message, param: param, code: code)
    }

    private static func messages(_ messages: String, _ param: String, _ message: String, _ code: String) -> Case {
        Case(body: #"{"model":"m","messages":\#(messages)}"#, message: message, param: param, code: code)
    }

    private static let type = "invalid_type", value = "invalid_value", missing = "missing_required_parameter"
    private static let unsupported = "unsupported_parameter"

    static let whole: [Case] = [
        Case(body: "", message: "Invalid JSON: the text ends too early (line 1, column 1).", param: nil, code: "invalid_json"),
        Case(body: "{\n \"model\": x}", message: "Invalid JSON: unexpected 'x' (line 2, column 11).", param: nil, code: "invalid_json"),
        Case(body: "[]", message: "The body must be a JSON object.", param: nil, code: "invalid_json"),
        Case(
            body: "{\"a\":1,\"a\":2}", message: "Invalid JSON: the member occurs twice (line 1, column 8).", param: nil,
            code: "invalid_json"),
        Case(body: "{}", message: "Missing required parameter: 'model'.", param: "model", code: missing),
        Case(body: #"{"model":null}"#, message: "Missing required parameter: 'model'.", param: "model", code: missing),
        Case(
            body: #"{"model":7}"#, message: "Invalid type for 'model': expected a string, but got an integer instead.", param: "model",
            code: type),
        Case(
            body: #"{"model":""}"#, message: "Invalid 'model': expected a string that is not empty.", param: "model",
            code: "string_below_min_length"),
        Case(body: #"{"model":"m"}"#, message: "Missing required parameter: 'messages'.", param: "messages", code: missing),
        Case(
            body: "{" + (0..<129).map { "\"k\($0)\":1" }.joined(separator: ",") + "}",
            message: "Invalid body: expected at most 128 members.", param: nil, code: "object_above_max_properties"),
    ]

    static let inMessages: [Case] = [
        messages("{}", "messages", "Invalid type for 'messages': expected an array, but got an object instead.", type),
        messages("[]", "messages", "Invalid 'messages': expected at least one message.", "empty_array"),
        messages("[3]", "messages[0]", "Invalid type for 'messages[0]': expected an object, but got an integer instead.", type),
        messages("[{}]", "messages[0].role", "Missing required parameter: 'messages[0].role'.", missing),
        messages(
            #"[{"role":"clown"}]"#, "messages[0].role",
            "Invalid value for 'messages[0].role': 'clown'. Supported values are: 'system', 'developer', 'user', 'assistant', 'tool'.",
            value),
        messages(
            #"[{"role":"\#(String(repeating: "x", count: 33))"}]"#, "messages[0].role",
            "Invalid value for 'messages[0].role'. Supported values are: 'system', 'developer', 'user', 'assistant', 'tool'.", value),
        messages(
            #"[{"role":"user","content":"a"},{"role":"user"}]"#, "messages[1].content",
            "Missing required parameter: 'messages[1].content'.", missing),
        messages(
            #"[{"role":"assistant","content":null}]"#, "messages[0].content", "Missing required parameter: 'messages[0].content'.", missing),
        messages(
            #"[{"role":"user","content":true}]"#, "messages[0].content",
            "Invalid type for 'messages[0].content': expected a string or an array of parts, but got a boolean instead.", type),
        messages(
            #"[{"role":"user","content":[]}]"#, "messages[0].content", "Invalid 'messages[0].content': expected at least one part.",
            "empty_array"),
        messages(
            #"[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text"}]}]"#, "messages[0].content[1].text",
            "Missing required parameter: 'messages[0].content[1].text'.", missing),
        messages(
            #"[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://x"}}]}]"#, "messages[0].content[0].image_url",
            "Unsupported parameter: 'messages[0].content[0].image_url' is not supported.", unsupported),
        messages(
            #"[{"role":"user","content":[{"type":"song"}]}]"#, "messages[0].content[0].type",
            "Invalid value for 'messages[0].content[0].type': 'song'. Supported values are: 'text', 'refusal'.", value),
        messages(
            #"[{"role":"tool","content":"x"}]"#, "messages[0].tool_call_id", "Missing required parameter: 'messages[0].tool_call_id'.",
            missing),
        messages(
            #"[{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":{}}}]}]"#,
            "messages[0].tool_calls[0].function.arguments",
            "Invalid type for 'messages[0].tool_calls[0].function.arguments': expected a string, but got an object instead.", type),
        messages(
            #"[{"role":"assistant","tool_calls":[{"id":"1","type":"web","function":{}}]}]"#, "messages[0].tool_calls[0].type",
            "Invalid value for 'messages[0].tool_calls[0].type': 'web'. Supported values are: 'function'.", value),
        messages(
            #"[{"role":"assistant","function_call":{}}]"#, "messages[0].function_call",
            "Unsupported parameter: 'messages[0].function_call' is not supported.", unsupported),
    ]

    static let inSampling: [Case] = [
        members(#""temperature":2.5"#, "temperature", "Invalid 'temperature': expected a value <= 2.", "decimal_above_max_value"),
        members(#""temperature":-0.1"#, "temperature", "Invalid 'temperature': expected a value >= 0.", "decimal_below_min_value"),
        members(#""temperature":1e999"#, "temperature", "Invalid 'temperature': expected a value <= 2.", "decimal_above_max_value"),
        members(
            #""temperature":"1""#, "temperature", "Invalid type for 'temperature': expected a number, but got a string instead.", type),
        members(
            #""repetition_penalty":0"#, "repetition_penalty", "Invalid 'repetition_penalty': expected a value >= 0.01.",
            "decimal_below_min_value"),
        members(#""max_tokens":0"#, "max_tokens", "Invalid 'max_tokens': expected a value >= 1.", "integer_below_min_value"),
        members(
            #""max_tokens":99999999999999999999"#, "max_tokens", "Invalid 'max_tokens': expected a value <= 1073741824.",
            "integer_above_max_value"),
        members(#""max_tokens":1.5"#, "max_tokens", "Invalid type for 'max_tokens': expected an integer, but got a number instead.", type),
        members(#""max_tokens":5,"min_tokens":6"#, "min_tokens", "Invalid 'min_tokens': expected no more than max_tokens.", value),
        members(#""n":17"#, "n", "Invalid 'n': expected a value <= 16.", "integer_above_max_value"),
        members(#""seed":18446744073709551616"#, "seed", "Invalid 'seed': expected an integer of 64 bits.", value),
        members(#""seed":[]"#, "seed", "Invalid type for 'seed': expected an integer, but got an array instead.", type),
        members(
            #""stop":["a","b","c","d","e"]"#, "stop", "Invalid 'stop': expected an array with at most 4 elements.", "array_above_max_length"
        ),
        members(#""stop":["a",""]"#, "stop[1]", "Invalid 'stop[1]': expected a string that is not empty.", "string_below_min_length"),
        members(
            #""stop":"\#(String(repeating: "é", count: 513))""#, "stop", "Invalid 'stop': expected a string of at most 1024 bytes.",
            "string_above_max_length"),
        members(
            #""stop":{}"#, "stop", "Invalid type for 'stop': expected a string or an array of strings, but got an object instead.", type),
        members(
            #""stop_token_ids":[-1]"#, "stop_token_ids[0]", "Invalid 'stop_token_ids[0]': expected a value >= 0.", "integer_below_min_value"
        ),
        members(#""logit_bias":{"01":1}"#, "logit_bias", "Invalid 'logit_bias': expected token ids as names, in decimal digits.", value),
        members(#""logit_bias":{"1":101}"#, "logit_bias.1", "Invalid 'logit_bias.1': expected a value <= 100.", "decimal_above_max_value"),
        members(#""logprobs":5"#, "logprobs", "Invalid type for 'logprobs': expected a boolean, but got an integer instead.", type),
        members(#""top_logprobs":2"#, "top_logprobs", "Invalid 'top_logprobs': expected 'logprobs' to be true.", value),
        members(
            #""logprobs":true,"top_logprobs":21"#, "top_logprobs", "Invalid 'top_logprobs': expected a value <= 20.",
            "integer_above_max_value"),
        members(
            #""stream_options":{"include_usage":1}"#, "stream_options.include_usage",
            "Invalid type for 'stream_options.include_usage': expected a boolean, but got an integer instead.", type),
        members(
            #""continue_final_message":true"#, "continue_final_message",
            "Invalid 'continue_final_message': expected the last message to be the assistant's.", value),
    ]

    static let notHonoured: [Case] = [
        members(#""tools":[{"function":{}}]"#, "tools[0].function.name", "Missing required parameter: 'tools[0].function.name'.", missing),
        members(
            #""tool_choice":"maybe""#, "tool_choice",
            "Invalid value for 'tool_choice': 'maybe'. Supported values are: 'none', 'auto', 'required'.", value),
        members(
            #""tool_choice":"required""#, "tool_choice", "Invalid 'tool_choice': expected no call to be required where there are no tools.",
            value),
        members(
            #""tool_choice":{"type":"function","function":{"name":"f"}}"#, "tool_choice",
            "Invalid 'tool_choice': expected the name of one of the tools.", value),
        members(
            #""response_format":{"type":"json_schema","json_schema":{"name":"a"}}"#, "response_format.json_schema.schema",
            "Missing required parameter: 'response_format.json_schema.schema'.", missing),
        members(#""functions":[{}]"#, "functions", "Unsupported parameter: 'functions' is not supported.", unsupported),
        members(#""guided_json":{"type":"object"}"#, "guided_json", "Unsupported parameter: 'guided_json' is not supported.", unsupported),
        members(#""cache_salt":"x""#, "cache_salt", "Unsupported parameter: 'cache_salt' is not supported.", unsupported),
        members(
            #""modalities":["text","audio"]"#, "modalities[1]",
            "Unsupported parameter: 'modalities[1]' is not supported with any value but 'text'.", unsupported),
    ]

    static let inExtensions: [Case] = [
        members(#""nvext":[]"#, "nvext", "Invalid type for 'nvext': expected an object, but got an array instead.", type),
        members(
            #""nvext":{"extra_fields":["a",1]}"#, "nvext.extra_fields[1]",
            "Invalid type for 'nvext.extra_fields[1]': expected a string, but got an integer instead.", type),
        members(
            #""nvext":{"backend_instance_id":-1}"#, "nvext.backend_instance_id",
            "Invalid 'nvext.backend_instance_id': expected an integer of 64 bits without sign, or sixteen hexadecimal digits as a string.",
            value),
        members(
            #""nvext":{"token_data":[1,4294967296]}"#, "nvext.token_data[1]",
            "Invalid 'nvext.token_data[1]': expected a value <= 4294967295.",
            "integer_above_max_value"),
        members(
            #""nvext":{"agent_hints":{"osl":-1}}"#, "nvext.agent_hints.osl", "Invalid 'nvext.agent_hints.osl': expected a value >= 0.",
            "integer_below_min_value"),
        members(
            #""nvext":{"session_control":{"action":"open"}}"#, "nvext.session_control.session_id",
            "Missing required parameter: 'nvext.session_control.session_id'.", missing),
        members(
            #""nvext":{"session_control":{"session_id":"s","action":"shut"}}"#, "nvext.session_control.action",
            "Invalid value for 'nvext.session_control.action': 'shut'. Supported values are: 'open', 'close', 'bind'.", value),
        members(
            #""tools":[{"function":{"name":"f"}}],"nvext":{"use_raw_prompt":true}"#, "nvext.use_raw_prompt",
            "Unsupported parameter: 'nvext.use_raw_prompt' is not supported with anything but one message of a user, in one text and without tools.",
            unsupported),
        members(
            #""nvext":{"cache_salt":"x"}"#, "nvext.cache_salt", "Unsupported parameter: 'nvext.cache_salt' is not supported.", unsupported),
    ]

    @Test("a chat body is refused with its exact envelope", arguments: whole + inMessages + inSampling + notHonoured + inExtensions)
    func chatBodies(bad: Case) {
        let error = #expect(throws: DialectError.self) { try chat(bad.body) }
        check(error, bad)
    }

    static let completions: [Case] = [
        Case(body: #"{"model":"m"}"#, message: "Missing required parameter: 'prompt'.", param: "prompt", code: missing),
        Case(
            body: #"{"model":"m","prompt":{}}"#,
            message: "Invalid type for 'prompt': expected a string or an array, but got an object instead.",
            param: "prompt", code: type),
        Case(
            body: #"{"model":"m","prompt":[]}"#, message: "Invalid 'prompt': expected at least one prompt.", param: "prompt",
            code: "empty_array"),
        Case(
            body: #"{"model":"m","prompt":[[]]}"#, message: "Invalid 'prompt[0]': expected at least one token.", param: "prompt[0]",
            code: "empty_array"),
        Case(
            body: #"{"model":"m","prompt":["a","b"],"nvext":{"token_data":[1]}}"#,
            message: "Unsupported parameter: 'nvext.token_data' is not supported with several prompts.", param: "nvext.token_data",
            code: unsupported),
        Case(
            body: #"{"model":"m","prompt":[1,"b"]}"#,
            message: "Invalid type for 'prompt[1]': expected an integer, but got a string instead.",
            param: "prompt[1]", code: type),
        Case(
            body: #"{"model":"m","prompt":[null]}"#,
            message: "Invalid type for 'prompt[0]': expected a string, a token id or an array of token ids, but got null instead.",
            param: "prompt[0]", code: type),
        Case(
            body: completionBody(#""best_of":2"#),
            message: "Unsupported parameter: 'best_of' is not supported with another value than 'n'.",
            param: "best_of", code: unsupported),
        Case(
            body: completionBody(#""suffix":"x""#), message: "Unsupported parameter: 'suffix' is not supported.", param: "suffix",
            code: unsupported),
        Case(
            body: completionBody(#""echo":true,"logprobs":1"#),
            message: "Unsupported parameter: 'echo' is not supported together with 'logprobs'.", param: "echo", code: unsupported),
        Case(
            body: completionBody(#""logprobs":true"#),
            message: "Invalid type for 'logprobs': expected an integer, but got a boolean instead.", param: "logprobs", code: type),
    ]

    @Test("a completion body is refused with its exact envelope", arguments: completions)
    func completionBodies(bad: Case) {
        let error = #expect(throws: DialectError.self) { try completion(bad.body) }
        check(error, bad)
    }

    private func check(_ error: DialectError?, _ bad: Case) {
        guard let error else { return }
        let param = bad.param.map { "\"\($0)\"" } ?? "null"
        let body = ErrorBody(error)
        #expect(body.status == bad.status)
        #expect(body.retryAfterSeconds == nil && body.shouldRetry == nil)
        #expect(
            written { body.append(to: &$0) }
                == #"{"error":{"message":"\#(bad.message)","type":"invalid_request_error","param":\#(param),"code":"\#(bad.code)"}}"#)
    }

    @Test("bodies beyond the limits of JSON are refused, too large ones with 413")
    func limits() {
        let deep = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
        let error = #expect(throws: DialectError.self) { try chat(chatBody("\"x\":\(deep)")) }
        #expect(error?.status == 400 && error?.message.contains("nested deeper than 64 levels") == true)
        let large = #expect(throws: DialectError.self) { try chat(String(repeating: " ", count: 33 << 20)) }
        #expect(large?.status == 413 && large?.code == "request_too_large")
    }
}
