/// The prompts of a memory, the oldest first, in a bounded number of bytes.
///
/// A prompt that is asked for again comes back as a new one that stands for it, so what was added long ago was used long ago.
struct PromptShelf: Sendable {
    private let mostBytes: Int
    private(set) var bytes = 0
    /// The newest prompt that begins so.
    private var byKey: [UInt64: RememberedPrompt] = [:]
    /// With holes where one was replaced.
    private var queue: [RememberedPrompt?] = []
    private var places: [ObjectIdentifier: Int] = [:]
    private var head = 0

    /// Not worth the walk.
    private static let holes = 64

    init(bytes: Int) { mostBytes = bytes }

    /// The newest of those that have most in common, as far as hashes tell.
    func find(_ keys: PromptKeys) -> RememberedPrompt? {
        guard let first = keys.list.first, byKey[first] != nil else { return nil }
        // If a block is known, those before it were added with it; where they are gone again, less is found than there is.
        var low = 0, high = keys.list.count
        while low + 1 < high {
            let middle = (low + high) / 2
            if byKey[keys.list[middle]] != nil { low = middle } else { high = middle }
        }
        return byKey[keys.list[low]]
    }

    mutating func add(_ prompt: RememberedPrompt, insteadOf other: RememberedPrompt?) {
        guard prompt.bytes <= mostBytes else { return }
        if let other { remove(other) }
        for key in prompt.keys.list { byKey[key] = prompt }
        places[ObjectIdentifier(prompt)] = queue.count
        queue.append(prompt)
        bytes += prompt.bytes
        while bytes > mostBytes, head < queue.count {
            if let oldest = queue[head] { remove(oldest) }
            head += 1
        }
        // Most of what the queue has are holes.
        if queue.count > 2 * places.count + Self.holes { compact() }
    }

    private mutating func remove(_ prompt: RememberedPrompt) {
        // Another thread may have replaced it meanwhile.
        guard let place = places.removeValue(forKey: ObjectIdentifier(prompt)) else { return }
        queue[place] = nil
        bytes -= prompt.bytes
        for key in prompt.keys.list where byKey[key] === prompt { byKey[key] = nil }
    }

    private mutating func compact() {
        queue = queue[head...].filter { $0 != nil }
        head = 0
        places.removeAll(keepingCapacity: true)
        for (place, prompt) in queue.enumerated() { if let prompt { places[ObjectIdentifier(prompt)] = place } }
    }
}
