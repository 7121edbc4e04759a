import CTwins

/// How the server of a role answers, and how long it is measured: crosses to its process as numbers.
struct HTTPPlan {
    /// Of a stream; 0: the answer is one JSON.
    var events = 0
    /// Events that wait on each stream in a turn of the loop.
    var burst = 1
    /// What waits leaves in one send. Ours does nothing else; the twin can send each event by itself.
    var gathers = true
    /// Between two turns that bring events; 0: every turn brings some.
    var paceMilliseconds = 0
    var warmUpMilliseconds: Int
    var windowMilliseconds: Int
    /// It ends after so many answers, whatever the time; 0: at the end of the window.
    var answers = 0

    /// More than any window has room for: a stream that lasts.
    static let endless = 1 << 30

    init(_ settings: Settings) {
        warmUpMilliseconds = settings.warmUpMilliseconds
        windowMilliseconds = settings.windowMilliseconds
    }

    init(numbers: [Int]) {
        events = numbers[0]
        burst = numbers[1]
        gathers = numbers[2] != 0
        paceMilliseconds = numbers[3]
        warmUpMilliseconds = numbers[4]
        windowMilliseconds = numbers[5]
        answers = numbers[6]
    }

    static let numberCount = 7

    var arguments: [String] {
        [events, burst, gathers ? 1 : 0, paceMilliseconds, warmUpMilliseconds, windowMilliseconds, answers].map(String.init)
    }

    var inC: chttp_plan {
        chttp_plan(
            events: Int32(clamping: events), burst: Int32(clamping: burst), gathers: gathers,
            pace_nanoseconds: Int64(paceMilliseconds) * 1_000_000, warm_up_nanoseconds: Int64(warmUpMilliseconds) * 1_000_000,
            window_nanoseconds: Int64(windowMilliseconds) * 1_000_000, answers: UInt64(answers))
    }
}
