import Engines
import Testing

@Suite("Profiles of the mock engine's times")
struct LatencyProfileTests {
    private static let text = """
        {
          "comment": "by hand",
          "prefill": [{"tokens": 100, "milliseconds": 10}, {"tokens": 200, "milliseconds": 30}, {"tokens": 400, "milliseconds": 40.5}],
          "decode": {
            "activeTokens": [0, 1000, 4000],
            "contextLengths": [10, 20],
            "milliseconds": [[4, 6], [8, 12], [20, 20]]
          }
        }
        """

    private func profile(_ text: String = Self.text) throws(LatencyProfileError) -> LatencyProfile {
        try LatencyProfile(parsing: Array(text.utf8))
    }

    @Test(
        "prefill is linear between points, and goes on so beyond the outer ones",
        arguments: [
            (100, 10), (150, 20), (200, 30), (300, 35.25), (400, 40.5), (600, 51), (50, 0.01), (75, 5), (1, 0.01),
        ] as [(Double, Double)])
    func prefill(tokens: Double, expected: Double) throws {
        #expect(abs(try profile().prefillMilliseconds(tokens: tokens) - expected) < 1e-9)
    }

    @Test(
        "decode is bilinear between points, and goes on so beyond the outer ones",
        arguments: [
            (0, 10, 4), (0, 20, 6), (1_000, 20, 12), (500, 15, 7.5), (2_500, 10, 14), (2_500, 15, 15), (4_000, 15, 20),
            (8_000, 10, 36), (0, 40, 10), (0, 0, 2), (500, 0, 3), (500, 30, 12),
        ] as [(Double, Double, Double)])
    func decode(active: Double, context: Double, expected: Double) throws {
        #expect(abs(try profile().decodeMilliseconds(activeTokens: active, contextLength: context) - expected) < 1e-9)
    }

    @Test("one point is a constant, in each direction")
    func single() throws {
        let profile = try LatencyProfile(
            prefill: [.init(tokens: 100, milliseconds: 7)],
            decode: .init(activeTokens: [5], contextLengths: [5], milliseconds: [[3]]))
        #expect(profile.prefillMilliseconds(tokens: 10_000) == 7)
        #expect(profile.decodeMilliseconds(activeTokens: 900, contextLength: 0) == 3)
    }

    @Test(
        "each mistake in a file is named by its field",
        arguments: [
            ("\"comment\": \"by hand\"", "\"comment\": 5", "comment"),
            ("\"comment\"", "\"coment\"", "coment"),
            ("\"prefill\"", "\"Prefill\"", "Prefill"),
            ("\"prefill\": [{", "\"\\u0007\": [{", ""),
            ("[{\"tokens\": 100, \"milliseconds\": 10}, ", "[5, ", "prefill[0]"),
            ("{\"tokens\": 200, \"milliseconds\": 30}", "{\"tokens\": 200}", "prefill[1].milliseconds"),
            ("\"tokens\": 200", "\"tokens\": \"200\"", "prefill[1].tokens"),
            ("\"tokens\": 200", "\"tokens\": 100", "prefill[1].tokens"),
            ("\"tokens\": 400", "\"tokens\": 150", "prefill[2].tokens"),
            ("\"tokens\": 100", "\"tokens\": -1", "prefill[0].tokens"),
            ("\"milliseconds\": 30}", "\"milliseconds\": 0}", "prefill[1].milliseconds"),
            ("\"milliseconds\": 30}", "\"milliseconds\": 1e9}", "prefill[1].milliseconds"),
            ("\"milliseconds\": 30}", "\"milliseconds\": 30, \"x\": 1}", "prefill[1].x"),
            ("[0, 1000, 4000]", "[0, 1000, 1000]", "decode.activeTokens[2]"),
            ("[0, 1000, 4000]", "[0, 1000]", "decode.milliseconds"),
            ("[0, 1000, 4000]", "[]", "decode.activeTokens"),
            ("[0, 1000, 4000]", "7", "decode.activeTokens"),
            ("[10, 20]", "[10, \"20\"]", "decode.contextLengths[1]"),
            ("[8, 12]", "[8]", "decode.milliseconds[1]"),
            ("[8, 12]", "[8, -12]", "decode.milliseconds[1][1]"),
            ("[8, 12]", "8", "decode.milliseconds[1]"),
            ("\"decode\": {", "\"decode\": 3, \"deco\": {", "deco"),
            ("\"comment\": \"by hand\",", "\"comment\": \"by hand\"", ""),
        ])
    func mistakes(part: String, wrong: String, field: String) {
        let range = Self.text.firstRange(of: part)
        #expect(range != nil, "the text holds \(part)")
        guard let range else { return }
        #expect { _ = try profile(Self.text.replacingCharacters(range, with: wrong)) } throws: {
            ($0 as? LatencyProfileError)?.field == field
        }
    }

    @Test("a missing part is named, and a file that is too large or too fine is refused")
    func bounds() {
        func field(_ text: String) -> String? {
            do { _ = try profile(text) } catch { return error.field }
            return nil
        }
        #expect(field("{}") == "prefill")
        #expect(field("{\"prefill\": []}") == "decode")
        #expect(field("[]") == "")
        #expect(field(String(repeating: " ", count: LatencyProfileLimits.bytes) + Self.text) == "")
        let points = (0..<2_000).map { "{\"tokens\": \($0), \"milliseconds\": 1}" }.joined(separator: ", ")
        let decode = "{\"activeTokens\": [0], \"contextLengths\": [0], \"milliseconds\": [[1]]}"
        #expect(field("{\"prefill\": [\(points)], \"decode\": \(decode)}") == "prefill")
        #expect(field("{\"prefill\": [{\"tokens\": 1, \"milliseconds\": 1}], \"decode\": \(decode)}") == nil)
    }
}

extension String {
    fileprivate func replacingCharacters(_ range: Range<Index>, with text: String) -> String {
        String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
    }
}
