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
}
