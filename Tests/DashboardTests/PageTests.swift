import ClusterModel
import Glibc
import Testing

@testable import Dashboard

@Suite("The page itself")
struct PageTests {
    /// The folder of the page's sources.
    private static let folder =
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        + "/Sources/services/Dashboard/Page/Source/"

    private static func source(_ name: String) throws -> String {
        let file = try #require(fopen(folder + name, "re"), "\(name) is there")
        defer { fclose(file) }
        var bytes: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            guard count > 0 else { break }
            bytes.append(contentsOf: buffer[..<count])
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let scripts = ["1-words.js", "2-tables.js", "3-charts.js", "4-requests.js", "5-main.js"]

    @Test("what is served is what the sources say; otherwise run deploy/dev/dashboard-page")
    func current() throws {
        let script = try Self.scripts.map(Self.source).joined(), style = try Self.source("page.css")
        #expect(PageScript.text == script && PageStyle.text == style)
        let page = try Self.source("page.html").replacing("{{style}}", with: style).replacing("{{script}}", with: script)
        #expect(String(decoding: DashboardPage.document, as: UTF8.self) == page)
    }

    @Test("the policy names the script and the style that are in the page, and lets nothing else run or come from elsewhere")
    func policy() {
        for (hash, text) in [(PageScript.hash, PageScript.text), (PageStyle.hash, PageStyle.text)] {
            #expect(hash == "sha256-" + Self.base64(SHA256.digest(of: Array(text.utf8)).bytes))
            #expect(DashboardPage.policy.contains("'\(hash)'"))
        }
        #expect(DashboardPage.policy.hasPrefix("default-src 'none'; ") && !DashboardPage.policy.contains("unsafe"))
    }

    @Test("the page has no way to make markup of text, and names no other place")
    func plain() {
        for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "localStorage", "onclick="]
        {
            #expect(!PageScript.text.contains(word), "\(word)")
        }
        // The name of the language of drawings is no place.
        let text = String(decoding: DashboardPage.document, as: UTF8.self).replacing("http://www.w3.org/2000/svg", with: "")
        #expect(!text.contains("http://") && !text.contains("https://") && !text.contains("src=\"/") && !text.contains("//cdn"))
        #expect(!text.contains(" style=\"") && !PageScript.text.contains(".style."), "the policy forbids styles that stand elsewhere")
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            let word = part.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - part.count))
            for place in 0..<4 { text.append(place <= part.count ? alphabet[word >> (18 - 6 * place) & 63] : "=") }
        }
        return text
    }
}
