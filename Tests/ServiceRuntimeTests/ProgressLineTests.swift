import Testing

@testable import ServiceRuntime

@Suite struct ProgressLineTests {
    private final class Terminal {
        var written: [String] = []
    }

    @Test("each hundredth is written once, over the one before, and the line goes at the end")
    func hundredths() {
        let terminal = Terminal()
        do {
            let line = ProgressLine { terminal.written.append($0) }
            for done in 0...100_000 { line.show("reading", done, of: 100_000) }
            #expect(terminal.written.count == 101)
            line.close()
            #expect(terminal.written.last == "\r\u{1B}[K" && terminal.written.count == 102)
            line.close()
            #expect(terminal.written.count == 102)
            line.show("again", 3, of: 3, "one failed")
        }
        #expect(terminal.written.suffix(2) == ["\r\u{1B}[K\u{1B}[?7lagain: 100 %, one failed\u{1B}[?7h", "\r\u{1B}[K"])
    }

    @Test("of nothing, and more than all, are shares too", arguments: [(0, 0, "0 %"), (5, 0, "0 %"), (7, 5, "100 %")])
    func edges(done: Int, total: Int, share: String) {
        let terminal = Terminal(), line = ProgressLine { terminal.written.append($0) }
        line.show("work", done, of: total)
        #expect(terminal.written == ["\r\u{1B}[K\u{1B}[?7lwork: \(share)\u{1B}[?7h"])
    }
}
