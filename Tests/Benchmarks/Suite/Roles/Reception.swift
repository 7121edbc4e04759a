import CTwins

/// What a receiver measured: crosses from its process to the suite's as a line of numbers.
struct Reception {
    var messages = 0
    var frames = 0
    var reads = 0
    var wallNanoseconds = 0
    var cpuNanoseconds = 0
    var loopAllocations = 0
    var otherAllocations = 0

    init() {}

    init(_ result: ctwins_reception) {
        messages = Int(result.messages)
        frames = Int(result.frames)
        reads = Int(result.reads)
        wallNanoseconds = Int(result.wall_nanoseconds)
        cpuNanoseconds = Int(result.cpu_nanoseconds)
        loopAllocations = Int(result.loop_allocations)
        otherAllocations = Int(result.other_allocations)
    }

    init?(line: String) {
        let numbers = line.split(separator: " ").compactMap { Int($0) }
        guard numbers.count == 7, numbers[0] > 0, numbers[2] > 0, numbers[3] > 0, numbers[4] > 0 else { return nil }
        messages = numbers[0]
        frames = numbers[1]
        reads = numbers[2]
        wallNanoseconds = numbers[3]
        cpuNanoseconds = numbers[4]
        loopAllocations = numbers[5]
        otherAllocations = numbers[6]
    }

    var line: String {
        [messages, frames, reads, wallNanoseconds, cpuNanoseconds, loopAllocations, otherAllocations].map(String.init).joined(
            separator: " ") + "\n"
    }

    var framesPerSecond: Double { Double(frames) * 1e9 / Double(wallNanoseconds) }
    var framesPerCoreSecond: Double { Double(frames) * 1e9 / Double(cpuNanoseconds) }
    var microsecondsPerMessage: Double { Double(cpuNanoseconds) / 1e3 / Double(messages) }
    var messagesPerRead: Double { Double(messages) / Double(reads) }
}
