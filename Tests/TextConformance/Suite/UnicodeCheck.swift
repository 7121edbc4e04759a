import TextProcessing

/// Every code point: its properties, and what NFC and NFD make of it, are what the oracle says.
enum UnicodeCheck {
    /// `FILE`: what `unicode.py bytes` made.
    static func run(_ arguments: [String]) throws(CheckError) -> Bool {
        guard arguments.count == 1 else { throw CheckError(reason: "a file is expected") }
        let bytes = try Files.bytes(arguments[0])
        let codePoints: UInt32 = 0x11_0000
        guard bytes.count > codePoints else { throw CheckError(reason: "the file is cut off") }
        var differences = 0
        func differ(_ code: UInt32, _ what: String) {
            differences += 1
            if differences <= 20 { print("    U+\(String(code, radix: 16, uppercase: true)): \(what)") }
        }
        for code in 0..<codePoints where bytes[Int(code)] != UnicodeView.properties(of: code) {
            differ(code, "properties \(UnicodeView.properties(of: code)) for \(bytes[Int(code)])")
        }
        var place = Int(codePoints)
        for (name, form) in [("NFC", UnicodeView.composed), ("NFD", UnicodeView.decomposed)] {
            for code in 0..<codePoints {
                guard let scalar = UnicodeScalar(code) else { continue }
                guard place < bytes.count, place + Int(bytes[place]) < bytes.count else { throw CheckError(reason: "the file is cut off") }
                let wanted = bytes[place + 1..<place + 1 + Int(bytes[place])]
                place += 1 + wanted.count
                if !form(Array(String(Character(scalar)).utf8)).elementsEqual(wanted) { differ(code, "\(name) differs") }
            }
        }
        print("unicode: \(codePoints) code points, properties, NFC and NFD: \(differences == 0 ? "all equal" : "\(differences) differ")")
        return differences == 0 && place == bytes.count
    }
}
