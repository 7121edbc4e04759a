/// Token lists that every worker must hash as everybody does: prompts as clients send them, each byte of their UTF-8 a token, so that they are the
/// same whatever the model's tokenizer.
///
/// Their hashes are constants: a test holds them. Which ones are asked is the router's choice; the rule is `proto-spec/05-block-hash.md`.
enum GoldenPrompts {
    struct Prompt {
        /// For the reason that a worker gets which hashes one wrongly.
        let name: String
        let text: String

        var tokens: [UInt32] { text.utf8.map(UInt32.init) }
    }

    static let all: [Prompt] = chats + tools + responses + scripts + edges

    private static let chats: [Prompt] = [
        Prompt(name: "chat of one turn", text: "<|user|>\nHello!\n<|assistant|>\n"),
        Prompt(
            name: "chat with a system message",
            text: "<|system|>\nYou are a terse assistant.\n<|user|>\nName three rivers.\n<|assistant|>\n"),
        Prompt(
            name: "chat of three turns",
            text: "<|user|>\nHi\n<|assistant|>\nHello! What can I do?\n<|user|>\nSum 2 and 3.\n<|assistant|>\n5\n<|user|>\nTwice?\n"
                + "<|assistant|>\n"),
        Prompt(
            name: "chat that begins as another one",
            text: "<|user|>\nHi\n<|assistant|>\nHello! What can I do?\n<|user|>\nSum 2 and 4.\n<|assistant|>\n"),
        Prompt(name: "chat in the ChatML form", text: "<|im_start|>user\nWhy is the sky blue?<|im_end|>\n<|im_start|>assistant\n"),
        Prompt(name: "chat in the Llama form", text: "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nBonjour<|eot_id|>"),
    ]

    private static let tools: [Prompt] = [
        Prompt(
            name: "tool definitions",
            text: #"<tools>[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":"#
                + #"{"type":"string"}},"required":["city"]}}}]</tools>"#),
        Prompt(name: "tool call", text: #"<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</tool_call>"#),
        Prompt(name: "tool answer", text: #"<tool_response>{"celsius": -3.5, "sky": "snow", "at": null}</tool_response>"#),
        Prompt(name: "two tool calls", text: #"[{"name":"add","arguments":{"a":1,"b":2}},{"name":"add","arguments":{"a":3,"b":4}}]"#),
    ]

    private static let responses: [Prompt] = [
        Prompt(
            name: "instructions and input of a response",
            text: "# Instructions\nAnswer in one sentence.\n# Input\nWhat does a router do?\n# Output\n"),
        Prompt(name: "reasoning", text: "<think>\nFirst the cache, then the load.\n</think>\nIt picks a worker.\n"),
        Prompt(name: "code", text: "func fib(_ n: Int) -> Int {\n\tn < 2 ? n : fib(n - 1) + fib(n - 2)\n}\n// 0, 1, 1, 2, 3, 5\n"),
    ]

    private static let scripts: [Prompt] = [
        Prompt(name: "German and French", text: "Größe, Übung, Straße — déjà vu, œuvre, français"),
        Prompt(name: "Greek and Russian", text: "Καλημέρα κόσμε. Доброе утро, мир."),
        Prompt(name: "Chinese, Japanese and Korean", text: "你好，世界。こんにちは世界。안녕하세요 세계."),
        Prompt(name: "Arabic and Hebrew", text: "مرحبا بالعالم، שלום עולם"),
        Prompt(name: "Hindi and Thai", text: "नमस्ते दुनिया। สวัสดีชาวโลก"),
        Prompt(name: "emoji of several code points", text: "\u{1F469}\u{200D}\u{1F680} \u{1F1F3}\u{1F1F4} \u{1F44D}\u{1F3FD} e\u{301} \u{FEFF}"),
    ]

    private static let edges: [Prompt] = [
        Prompt(name: "nothing", text: ""), Prompt(name: "one token", text: "a"),
        Prompt(name: "sixteen tokens", text: "0123456789abcdef"), Prompt(name: "one token more", text: "0123456789abcdefg"),
        Prompt(name: "the same block again and again", text: String(repeating: "0123456789abcdef", count: 8)),
        Prompt(name: "zeros", text: String(repeating: "\0", count: 64)),
    ]
}
