import ClusterModel
@testable import Engines

extension FuzzTarget {
    /// What a prefill leg ends with, changed on its way, under a checksum that fits: it is refused with the name of what differs, or every row that it
    /// says to hold is there. The input is the shape, and then places and bytes to put there.
    static let handOver = FuzzTarget(name: "hand-over", longest: 256) { bytes in
        guard bytes.count >= 3 else { return }
        let form = ReferenceParameters.Form(weights: "fuzzed", layers: Int(bytes[0] % 3), keyWidth: Int(bytes[1] % 4))
        let tokens = (0..<UInt32(bytes[2] % 8)).map { TokenID($0) }
        var made = ReferenceParameters.bytes(form, of: tokens) { place, row in
            row += [UInt8](repeating: UInt8(truncatingIfNeeded: place), count: form.rowBytes)
        }
        made.removeLast(8)
        var edits = bytes.dropFirst(3)
        while edits.count >= 2 {
            let place = Int(edits.removeFirst()), value = edits.removeFirst()
            if place < made.count { made[place] = value } else if place == 0xFF { made.removeLast(min(made.count, Int(value))) }
        }
        let sum = made.withUnsafeBytes { XXH3.hash($0) }
        made += (0..<8).map { UInt8(truncatingIfNeeded: sum >> (8 * $0)) }
        switch ReferenceParameters.read(made, form, of: tokens) {
        case .success(let read):
            demand(read.tokens == tokens.count && read.carried <= read.tokens, "more state than the leg computed")
            for place in 0..<read.carried {
                let fits = read.withRow(place) { bytes, start in start >= 0 && start + form.rowBytes <= bytes.count - 8 }
                demand(fits, "a row ends behind the bytes")
            }
        case .failure(let refusal): demand(!"\(refusal)".isEmpty, "a refusal says nothing")
        }
    }
}
