import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// Questions to one worker about its sessions. A link has a bound of open ones, so more of them wait here for their turn.
@LoopActor
final class SessionLine {
    private struct Job {
        let until: Instant
        let isWanted: @LoopActor () -> Bool
        let run: @LoopActor (Link, Duration) async -> Void
        let skip: @LoopActor () -> Void
    }

    private let loop: Loop
    private let link: @LoopActor () -> Link?
    private var open = 0
    private var waiting: [Job] = []

    init(on loop: Loop, link: @escaping @LoopActor () -> Link?) {
        self.loop = loop
        self.link = link
    }

    /// `done` is called once, unless nobody wants the answer any more when its turn comes.
    func open(
        _ question: OpenSession, until deadline: Instant, isWanted: @escaping @LoopActor () -> Bool,
        done: @escaping @LoopActor (Result<SessionOpened, LinkFailure>) -> Void
    ) {
        take(
            Job(
                until: deadline, isWanted: isWanted,
                run: { link, limit in
                    do throws(LinkFailure) {
                        done(.success(try await link.ask(question, answeredBy: SessionOpened.self, within: limit)))
                    } catch { done(.failure(error)) }
                },
                skip: { done(.failure(.ended)) }))
    }

    /// True if the worker has heard it.
    func end(_ question: EndSession, until deadline: Instant, done: @escaping @LoopActor (Bool) -> Void) {
        take(
            Job(
                until: deadline, isWanted: { true },
                run: { link, limit in
                    do throws(LinkFailure) {
                        _ = try await link.ask(question, answeredBy: SessionEnded.self, within: limit)
                        done(true)
                    } catch { done(false) }
                },
                skip: { done(false) }))
    }

    private func take(_ job: Job) {
        guard open < TransportLimits.openQuestions else { return waiting.append(job) }
        start(job)
    }

    private func start(_ job: Job) {
        guard let link = link(), loop.now < job.until else { return job.skip() }
        open += 1
        let limit = loop.now.duration(to: job.until)
        loop.spawn { [self] in
            await job.run(link, limit)
            open -= 1
            startNext()
        }
    }

    private func startNext() {
        while open < TransportLimits.openQuestions, !waiting.isEmpty {
            let job = waiting.removeFirst()
            if job.isWanted() { start(job) } else { job.skip() }
        }
    }
}
