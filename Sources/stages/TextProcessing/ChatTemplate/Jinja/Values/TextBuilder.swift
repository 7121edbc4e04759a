/// Puts a text together and keeps count of who wrote what.
struct TextBuilder {
    private(set) var bytes: [UInt8] = []
    /// As those of `PromptText`.
    private(set) var runs: [PromptText.Run] = []

    init(reserving count: Int = 0) { if count > 0 { bytes.reserveCapacity(count) } }

    /// For a prompt: growing from nothing would copy it a dozen times.
    mutating func reserve(bytes count: Int, runs: Int) {
        bytes.reserveCapacity(count)
        self.runs.reserveCapacity(runs)
    }

    /// Everything appended since the last call has this trust.
    @inline(__always)
    private mutating func mark(_ isTrusted: Bool) {
        guard let last = runs.last else {
            if !bytes.isEmpty { runs.append(PromptText.Run(end: bytes.count, isTrusted: isTrusted)) }
            return
        }
        guard bytes.count > last.end else { return }
        if last.isTrusted == isTrusted {
            runs[runs.count - 1].end = bytes.count
        } else {
            runs.append(PromptText.Run(end: bytes.count, isTrusted: isTrusted))
        }
    }

    mutating func append(_ text: TemplateText) {
        switch text.trust {
        case .trusted:
            copy(text)
            mark(true)
        case .untrusted:
            copy(text)
            mark(false)
        case .mixed, .markup:
            text.forEachRun { range, isTrusted in append(text.storage[range], isTrusted: isTrusted) }
        }
    }

    private mutating func copy(_ text: TemplateText) {
        text.storage.withUnsafeBufferPointer { bytes.append(contentsOf: UnsafeBufferPointer(rebasing: $0[text.range])) }
    }

    mutating func append(_ slice: ArraySlice<UInt8>, isTrusted: Bool) {
        bytes.append(contentsOf: slice)
        mark(isTrusted)
    }

    mutating func append(_ byte: UInt8, isTrusted: Bool) {
        bytes.append(byte)
        mark(isTrusted)
    }

    /// Words that nobody vouches for: what values look like when they are printed.
    mutating func append(untrusted text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
        mark(false)
    }

    mutating func append(untrusted text: String) {
        bytes.append(contentsOf: text.utf8)
        mark(false)
    }

    /// The writer may only append.
    mutating func append(isTrusted: Bool, _ write: (inout [UInt8]) -> Void) {
        write(&bytes)
        mark(isTrusted)
    }

    /// Blanks take the kind of what stands before them.
    mutating func append(blanks count: Int) {
        guard count > 0 else { return }
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: count))
        mark(runs.last?.isTrusted ?? false)
    }

    consuming func text() -> TemplateText {
        switch runs.count {
        case 0: .empty
        case 1: TemplateText(bytes, isTrusted: runs[0].isTrusted)
        default: TemplateText(bytes, 0..<bytes.count, .mixed(runs))
        }
    }

    consuming func prompt() -> PromptText { PromptText(utf8: bytes, runs: runs) }
}
