/// What the compiler cannot check must say why it holds.
enum SafetyRules {
    static let all: [Rule] = [
        reasoned("unchecked sendability says why", "@ unchecked Sendable", sample: "final class A: @unchecked Sendable {"),
        reasoned("unsafe isolation says why", "nonisolated ( unsafe )", sample: "nonisolated(unsafe) var a = 0"),
        reasoned("unowned and unmanaged references say why", "unowned ( unsafe )", sample: "unowned(unsafe) let a: A"),
    ]

    private static func reasoned(_ name: String, _ phrase: String, sample: String) -> Rule {
        Rule(
            name, instead: "write `// Safety: who touches it, and when` within four lines, or use a checked form",
            bad: [
                .init("Sources/io/Transport/A.swift", sample), .init("Tests/ATests/A.swift", "// Because.\n\(sample)"),
                .init("Sources/io/Transport/A.swift", "// Safety: too far away.\n\n\n\n\n\n\(sample)"),
            ],
            good: [
                .init("Sources/io/Transport/A.swift", "\(sample)\n    // Safety: written before the thread starts."),
                .init("Sources/io/Transport/A.swift", "/// Safety: immutable.\n\(sample)"),
                .init("Sources/io/Transport/A.swift", "// \(sample)"),
            ], files: Files.swift
        ) { file in
            guard let swift = file.swift else { return [] }
            return swift.places(of: phrase).map { swift.tokens[$0].line }.filter { !swift.comment(near: $0, says: "Safety:") }.map {
                ($0, "`\(phrase.replacing(" ", with: ""))` without a reason")
            }
        }
    }
}
