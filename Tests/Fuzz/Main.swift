import CFuzzer
import Glibc

/// `fuzz TARGET [LIBFUZZER OPTIONS] [FOLDERS OR FILES]`; `deploy/dev/fuzz` builds and calls it. `fuzz --list` prints names, longest inputs and largest allocations.
@main
struct Main {
    static func main() {
        let words = CommandLine.arguments
        if words.dropFirst().first == "--list" {
            for target in FuzzTarget.all { print(target.name, target.longest, target.allocation) }
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
    let start = processorTime()
    Chosen.target?.run(UnsafeRawBufferPointer(start: data, count: size))
    let time = processorTime() - start
    demand(time < mostProcessorTime, "one input takes \(time / 1_000_000) ms of processor time")
    return 0
}

/// Nanoseconds that an input may take, under the sanitizer, which makes all of them several times as long. Honest ones stay far below it.
private let mostProcessorTime: Int64 = 1_000_000_000

/// Of this thread, so that what else runs on the machine makes no finding.
private func processorTime() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
