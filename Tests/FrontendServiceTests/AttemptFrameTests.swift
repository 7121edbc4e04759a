import ClusterModel
import EventLoop
import JSONText
import Testing
import Transport
import WireProtocol

@testable import FrontendService

/// Frames and statuses that come twice, late, or make no sense.
extension AttemptTests {
    // MARK: Positions

    @Test("repeats are dropped, and what overlaps is released from where it is new")
    func repeats() {
        let scene = Scene(workers: 1)
        script(scene) { job in
            job.accept()
            job.frame("abc", at: 0)
            job.frame("bc", at: 1)
            job.frame("abcde", at: 0)
            job.frame("f", at: 5, finish: .endOfText)
        }
        scene.finish(scene.chat()) { #expect($0.text() == "abcdef") }
    }

    @Test("tokens that were lost on the way end the attempt, and the next goes on where the client is")
    func holes() {
        let scene = Scene()
        script(scene) { job in
            job.accept()
            if job.entry.attempt == 1 {
                job.frame("abc", at: 0)
                job.frame("e", at: 4, finish: .endOfText)
            } else {
                job.say("def", finish: .endOfText)
            }
        }
        scene.finish(scene.chat()) { #expect($0.text() == "abcdef") }
        #expect(attempts(scene).map { job in scene.worker { _ in job.shown() } } == ["", "abc"])
    }

    @Test("frames and statuses of an attempt that is over change nothing")
    func olderAttempt() {
        let scene = Scene(workers: 1)
        let first = Box<Job?>(nil)
        scene.worker { worker in
            worker.script = { job in
                guard job.entry.attempt == 2 else {
                    first.value = job
                    return job.refuse(.overbooked)
                }
                job.accept()
                job.frame("wrong", at: 0, attempt: 1, finish: .endOfText)
                first.value?.end(.failed, .invalidArgument)
                first.value?.refuse(.invalidArgument)
                job.say("right", finish: .endOfText)
            }
        }
        scene.finish(scene.chat()) {
            #expect($0.text() == "right")
            #expect($0.errorEvents == 0)
        }
    }

    @Test("more tokens than were asked for end the link, and the request goes on elsewhere")
    func tooManyTokens() {
        let scene = Scene()
        script(scene) { job in
            job.accept()
            if job.entry.attempt == 1 {
                // The same tokens again and again: each is a repeat, all together are too many.
                for _ in 0..<20 { job.frame("ab", at: 0) }
            } else {
                job.say("cd", finish: .length)
            }
        }
        scene.finish(scene.chat(#","max_tokens":4"#)) { #expect($0.text() == "abcd") }
        #expect(scene.worker { $0.ends.count } == 1)
        #expect(scene.held == [])
    }

    @Test("what a worker says of a choice or place that there is not ends the link", arguments: [0, 1, 2])
    func strangeFrames(which: Int) {
        let scene = Scene()
        script(scene) { job in
            job.accept()
            guard job.entry.attempt == 1 else { return job.answer("hello") }
            switch which {
            case 0: job.frame("x", choice: 7, at: 0)
            case 1: job.frame("x", at: 4_000_000_000)
            default: job.frames(Array(repeating: "", count: 15_000), at: 0)
            }
        }
        let began = scene.now
        let client = scene.finish(scene.chat(#","max_tokens":10"#))
        client { #expect($0.text() == "hello") }
        // The request does not wait until the link is closed.
        #expect(began.duration(to: client { $0.endedAt }) < .milliseconds(200))
        scene.pass(.milliseconds(100))
        #expect(scene.worker { $0.ends.count } == 1)
        #expect(scene.held == [])
    }
}
