import ServiceRuntime
import WireProtocol

/// `wiretool kinds`: the numbers of all kinds, as `proto-spec/check.py --kinds` prints them.
enum Kinds {
    nonisolated static func run(_ arguments: [String]) -> ExitCode {
        for kind in MessageKind.allCases {
            let digits = String(kind.rawValue, radix: 16)
            say("0x\(String(repeating: "0", count: 4 - digits.count))\(digits) \(kind)")
        }
        return .ok
    }
}
