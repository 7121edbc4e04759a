import Telemetry
import Testing

@Suite struct LogInjectionTests {
    private let sink = CapturingSink()

    @Test("quotes, backslashes and control characters are escaped in both styles", arguments: [LogStyle.json, .readable(colours: false)])
    func escapes(_ style: LogStyle) {
        sink.logger(style).info("m", ["name": .text("\"\\\n\r\t\u{0}\u{1B}[31m\u{7F}\u{85}\u{2028}\u{202E}é😀")])
        #expect(sink.lines[0].contains(#"\"\\\n\r\t\u0000\u001b[31m\u007f\u0085\u2028\u202eé😀""#))
    }

    @Test("a field cannot end its line and forge another", arguments: [LogStyle.json, .readable(colours: false)])
    func forgedLine(_ style: LogStyle) {
        let forged = #"x"}"# + "\n" + #"{"ts":"2026-03-01T12:00:00.123Z","level":"error","msg":"forged"}"#
        sink.logger(style).info("m", ["name": .text(forged), "raw": .raw(Array(forged.utf8))])
        let line = sink.rawLines[0]
        #expect(line.count { $0 == UInt8(ascii: "\n") } == 1)
        #expect(line.last == UInt8(ascii: "\n"))
        #expect(!sink.lines[0].contains(#""level":"error""#))
    }

    @Test("a readable field cannot forge another field")
    func forgedField() {
        sink.logger(.readable(colours: false)).info("m", ["name": "a level=error", "path": "a=b"])
        #expect(sink.lines[0].hasSuffix(#" name="a level=error" path="a=b""# + "\n"))
    }

    @Test("bytes that are not UTF-8 become visible escapes and the line stays UTF-8")
    func invalidText() {
        let bytes: [UInt8] = [0x61, 0xFF, 0xC0, 0x80, 0xED, 0xA0, 0x80, 0xE2, 0x82, 0x62, 0xC3, 0xA9, 0xF0, 0x9F]
        sink.logger().info("m", ["name": .raw(bytes)])
        #expect(sink.lines[0].hasSuffix(#""name":"a\\xff\\xc0\\x80\\xed\\xa0\\x80\\xe2\\x82bé\\xf0\\x9f"}"# + "\n"))
        #expect(String(validating: sink.rawLines[0], as: UTF8.self) != nil)
    }

    @Test("every byte and every pair of bytes gives one line of valid UTF-8 without control characters")
    func allBytes() {
        let log = sink.logger()
        for first in UInt8.min...UInt8.max {
            log.info("m", ["a": .raw((UInt8.min...UInt8.max).flatMap { [first, $0] }.prefix(512).map(\.self))])
        }
        for line in sink.rawLines {
            #expect(String(validating: line, as: UTF8.self) != nil)
            #expect(line.dropLast().allSatisfy { $0 >= 0x20 && $0 != 0x7F })
            #expect(line.last == UInt8(ascii: "\n"))
        }
    }

    @Test("a long text is cut at a whole character and marked, so that a prompt never stands in the log")
    func longText() {
        sink.logger().info("m", ["a": .text(String(repeating: "é", count: 300)), "b": .text("x" + String(repeating: "é", count: 300))])
        let cut = String(repeating: "é", count: 256)
        #expect(sink.lines[0].hasSuffix(#""a":"\#(cut)…","b":"x\#(cut.dropLast())…"}"# + "\n"))
    }

    @Test("a text of exactly the limit is whole")
    func textAtLimit() {
        let text = String(repeating: "x", count: LogLimits.textBytes)
        sink.logger().info("m", ["a": .text(text)])
        #expect(sink.lines[0].hasSuffix(#""a":"\#(text)"}"# + "\n"))
    }

    @Test("a line past the limit leaves out whole fields and says how many", arguments: [LogStyle.json, .readable(colours: true)])
    func longLine(_ style: LogStyle) {
        let controls = LogValue.raw([UInt8](repeating: 1, count: 512))
        sink.logger(style).info("m", ["a": controls, "b": controls, "c": controls, "d": 4])
        let line = sink.lines[0]
        #expect(line.utf8.count <= LogLimits.lineBytes)
        #expect(line.hasSuffix(style == .json ? #","d":4,"truncated":2}"# + "\n" : " d=4 truncated=2\n"))
    }
}
