import ServiceRuntime

enum Chaos { nonisolated static func run(_ arguments: [String]) -> ExitCode { .failure } }
