import Testing

@Suite("Swift sources taken apart")
struct SwiftTextTests {
    private func words(_ text: String) -> [String] { SwiftText(text).tokens.map(\.text) }

    @Test(
        "comments and strings are no code, interpolations are",
        arguments: [
            ("a // b", ["a"]),
            ("a /* b /* c */ d */ e", ["a", "e"]),
            (#"f("try! \"x\" // y") + z"#, ["f", "(", "\"\"", ")", "+", "z"]),
            (#"f("a\(g("b") + (h))c") z"#, ["f", "(", "\"\"", "(", "g", "(", "\"\"", ")", "+", "(", "h", ")", ")", ")", "z"]),
            ("x = \"\"\"\n  try! \"quoted\" \\(y)\n  \"\"\"\nz", ["x", "=", "\"\"", "(", "y", ")", "z"]),
            (##"x = #"a " \(b) \#(c) "# + d"##, ["x", "=", "\"\"", "(", "c", ")", "+", "d"]),
            (#"x = "\\" + y // "z"#, ["x", "=", "\"\"", "+", "y"]),
            ("#if os(Linux)", ["#", "if", "os", "(", "Linux", ")"]),
        ])
    func separation(text: String, expected: [String]) { #expect(words(text) == expected) }

    @Test("tokens and comments keep their lines")
    func lines() {
        let text = SwiftText("a\n/* one\ntwo */ b\n\"\"\"\nx\n\"\"\"\nc // three\n")
        #expect(text.tokens.map(\.line) == [1, 3, 4, 7])
        #expect(text.comments[1].contains("one") && text.comments[2].contains("two") && text.comments[6].contains("three"))
        #expect(text.lineCount == 7)
        #expect(text.comment(near: 3, says: "three") && !text.comment(near: 1, says: "three"))
    }

    @Test("a phrase is found as tokens, whatever the white space")
    func phrases() {
        let text = SwiftText("Task\n  {\n}\nMyTask { Tasks {\nTask {")
        #expect(text.places(of: "Task {").map { text.tokens[$0].line } == [1, 5])
        #expect(text.places(of: "Task . sleep").isEmpty)
        #expect(SwiftText("").places(of: "a b c").isEmpty)
    }
}
