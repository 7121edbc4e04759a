import CTwins
import Glibc

/// The two ends of the twin.
enum CRoles {
    static func receive(warmUpMilliseconds: Int, windowMilliseconds: Int) {
        var result = ctwins_reception()
        let status = ctwins_receive_frames(
            Int64(warmUpMilliseconds) * 1_000_000, Int64(windowMilliseconds) * 1_000_000, { port in Console.write("\(port)\n") }, &result)
        guard status == 0 else {
            Console.warn("c-receiver: nng error \(status)\n")
            exit(1)
        }
        Console.write(Reception(result).line)
    }

    static func send(port: Int, frames: Int) {
        let status = ctwins_send_frames(Int32(clamping: port), Int32(clamping: frames))
        guard status == 0 else {
            Console.warn("c-sender: nng error \(status)\n")
            exit(1)
        }
    }

    static func receiveCopy(warmUpMilliseconds: Int, windowMilliseconds: Int) {
        var result = ctwins_copy()
        let status = ctwins_receive_copy(
            Int64(warmUpMilliseconds) * 1_000_000, Int64(windowMilliseconds) * 1_000_000, { port in Console.write("\(port)\n") }, &result)
        guard status == 0 else {
            Console.warn("copy-receiver: errno \(status)\n")
            exit(1)
        }
        Console.write("\(result.bytes) \(result.wall_nanoseconds) \(result.cpu_nanoseconds)\n")
    }

    static func sendCopy(port: Int) {
        let status = ctwins_send_copy(Int32(clamping: port))
        guard status == 0 else {
            Console.warn("copy-sender: errno \(status)\n")
            exit(1)
        }
    }
}
