import ServiceRuntime
import Transport

/// The options about other routers.
struct PeerOptions: Sendable {
    private let peers: OptionKey<[String]>

    init(in table: inout OptionTable) {
        peers = table.list(
            "peers", .address(.peer), default: [], count: 0...PeerLimits.routers,
            help: "Where the other routers are dialled. This one's own address may be among them, so that all can have one list.")
    }

    func addresses(_ resolved: ResolvedConfiguration) throws(Address.Invalid) -> [Address] {
        var addresses: [Address] = []
        for text in resolved[peers] {
            let address = try Address(parsing: text)
            // Said twice it would be dialled twice.
            if !addresses.contains(address) { addresses.append(address) }
        }
        return addresses
    }
}
