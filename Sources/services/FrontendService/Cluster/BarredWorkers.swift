/// What breakers say to one question for a place.
struct BarredWorkers {
    /// Not to be asked.
    var workers: [UInt64] = []
    /// Were barred long enough: this question may be answered with one of them, and no other question.
    var tried: [WorkerClient] = []
}
