import CTwins
import Glibc

/// The server in C, and the load that both servers get.
enum HTTPTwin {
    static func serve(_ plan: HTTPPlan) {
        var service = chttp_service(), plan = plan.inC
        end("c-http-server", chttp_serve(&plan, { port in Console.write("\(port)\n") }, &service))
        Console.write(HTTPService(service).line)
    }

    static func load(port: Int, connections: Int) {
        var tally = chttp_tally()
        end("http-load", chttp_load(Int32(clamping: port), Int32(clamping: connections), &tally))
        Console.write("\(tally.answers) \(tally.events)\n")
    }

    private static func end(_ role: String, _ status: Int32) {
        guard status != 0 else { return }
        Console.warn("\(role): \(String(cString: strerror(status)))\n")
        exit(1)
    }
}
