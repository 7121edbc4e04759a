import CTwins

/// What a server did in its window: crosses from its process to the suite's as a line of numbers.
struct HTTPService {
    var answers = 0
    var events = 0
    /// Of the loop, that brought something.
    var turns = 0
    var wallNanoseconds = 0
    var cpuNanoseconds = 0
    var loopAllocations = 0
    var otherAllocations = 0

    init() {}

    init(_ service: chttp_service) {
        answers = Int(service.answers)
        events = Int(service.events)
        turns = Int(service.turns)
        wallNanoseconds = Int(service.wall_nanoseconds)
        cpuNanoseconds = Int(service.cpu_nanoseconds)
        loopAllocations = Int(service.loop_allocations)
        otherAllocations = Int(service.other_allocations)
    }

    init?(line: String) {
        let numbers = line.split(separator: " ").compactMap { Int($0) }
        guard numbers.count == 7, numbers[0] + numbers[1] > 0, numbers[3] > 0, numbers[4] > 0 else { return nil }
        answers = numbers[0]
        events = numbers[1]
        turns = numbers[2]
        wallNanoseconds = numbers[3]
        cpuNanoseconds = numbers[4]
        loopAllocations = numbers[5]
        otherAllocations = numbers[6]
    }

    var line: String {
        [answers, events, turns, wallNanoseconds, cpuNanoseconds, loopAllocations, otherAllocations].map(String.init).joined(separator: " ")
            + "\n"
    }

    /// What was done since an earlier reading.
    func since(_ start: HTTPService) -> HTTPService {
        var result = self
        result.answers -= start.answers
        result.events -= start.events
        result.turns -= start.turns
        result.wallNanoseconds -= start.wallNanoseconds
        result.cpuNanoseconds -= start.cpuNanoseconds
        result.loopAllocations -= start.loopAllocations
        result.otherAllocations -= start.otherAllocations
        return result
    }

    var answersPerSecond: Double { Double(answers) * 1e9 / Double(wallNanoseconds) }
    var microsecondsPerAnswer: Double { Double(cpuNanoseconds) / 1e3 / Double(answers) }
    var allocationsPerAnswer: Double { Double(loopAllocations) / Double(answers) }
    var eventsPerCoreSecond: Double { Double(events) * 1e9 / Double(cpuNanoseconds) }
    var microsecondsPerEvent: Double { Double(cpuNanoseconds) / 1e3 / Double(events) }
    var allocationsPerEvent: Double { Double(loopAllocations) / Double(events) }
}
