import OpenAIDialect
import Testing

@testable import FrontendService

@Suite("The description of the API, beside what is served")
struct DescriptionTests {
    @Test("every path that is served is described, and nothing else is")
    func paths() {
        let scene = Scene(routers: 0, workers: 0, isReady: false)
        // What takes all that is left of a path is a parameter like any other to clients.
        let served = scene.service { $0.operations.map { "\($0.method) \($0.path.replacing("*}", with: "}"))" } }
        let described = OpenAPIDocument.operations.map { "\($0.method) \($0.path)" }
        #expect(served.count > 10 && served.sorted() == described.sorted())
    }
}
