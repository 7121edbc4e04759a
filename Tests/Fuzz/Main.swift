import CFuzzer
import Glibc

/// `fuzz TARGET [LIBFUZZER OPTIONS] [FOLDERS OR FILES]`; `deploy/dev/fuzz` builds and calls it. `fuzz --list` prints names and longest inputs.
@main
struct Main {
    static func main() {
        let words = CommandLine.arguments
        if words.dropFirst().first == "--list" {
            for target in FuzzTarget.all { print(target.name, target.longest) }
            return
        }
        guard words.count > 1, let target = FuzzTarget.all.first(where: { $0.name == words[1] }) else {
            print("usage: fuzz TARGET [LIBFUZZER OPTIONS] [FOLDERS OR FILES]; fuzz --list names the targets")
            exit(2)
        }
        Chosen.target = target
        // libFuzzer keeps these until the process ends, so they are never freed.
        let kept = ([words[0]] + words.dropFirst(2)).map { strdup($0) } + [nil]
        let list = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: kept.count)
        list.initialize(from: kept, count: kept.count)
        var count = Int32(kept.count - 1)
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = list
        exit(LLVMFuzzerRunDriver(&count, &arguments, oneInput))
    }
}

/// libFuzzer's callback is a C function without a context: the choice has to stand outside it.
private enum Chosen {
    // Safety: written once, before the driver runs; libFuzzer calls back on the same thread.
    nonisolated(unsafe) static var target: FuzzTarget?
}

/// libFuzzer's name for the function under test. Its own `main`, which ours replaces, wants it to be there.
@_cdecl("LLVMFuzzerTestOneInput")
func oneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    Chosen.target?.run(UnsafeRawBufferPointer(start: data, count: size))
    return 0
}
