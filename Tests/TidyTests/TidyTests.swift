import Testing

/// Reads the sources of the package and holds them to the rules of the house. `Sources/README.md` tells who may import whom; the rules tell the rest.
@Suite("Tidy")
struct TidyTests {
    static let rules: [Rule] =
        WordRules.all + SafetyRules.all + ImportRules.all + TextRules.all + CitationRules.all + LayoutRules.all + ScriptRules.all
        + FaultPointRules.all + ClockRules.all

    /// Read once for all rules.
    private static let checkout = Result { try Tree.checkout() }

    @Test("the package keeps the rule", arguments: rules)
    func holds(_ rule: Rule) throws {
        let places = rule.findings(in: try Self.checkout.get())
        let excepted = Set(RuleException.all.filter { $0.rule == rule.name }.map(\.path))
        for place in places where !excepted.contains(place.path) { Issue.record(rule.message(place)) }
        for path in excepted.subtracting(places.map(\.path)).sorted() {
            Issue.record("\(path) needs no exception from \"\(rule.name)\" any more")
        }
    }

    @Test("the rule finds its bad examples and passes its good ones", arguments: rules)
    func isProved(_ rule: Rule) {
        #expect(!rule.bad.isEmpty && !rule.good.isEmpty && !rule.instead.isEmpty)
        for example in rule.bad { #expect(!rule.findings(in: example.tree).isEmpty, "not found: \(example.files)") }
        for example in rule.good {
            let places = rule.findings(in: example.tree)
            #expect(places.isEmpty, "found in \(example.files)")
        }
    }

    @Test("the whole checkout is read")
    func isRead() throws {
        let tree = try Self.checkout.get()
        #expect(tree.file("Package.swift") != nil)
        #expect(tree.files.count { Files.sources($0) } > 50)
        #expect(tree.file("Tests/TidyTests/TidyTests.swift")?.text.contains("the whole checkout is read") == true)
    }

    @Test("rules and exceptions are named without doubt")
    func names() {
        let names = Self.rules.map(\.name)
        #expect(Set(names).count == names.count)
        for exception in RuleException.all {
            #expect(names.contains(exception.rule), "no rule is named \(exception.rule)")
            #expect(!exception.reason.isEmpty)
        }
    }
}
