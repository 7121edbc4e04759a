/// Byte strings and two numbers for each: an open-addressing hash table whose keys lie one behind the other.
///
/// Whoever asks for a key must be able to read `PaddedBytes.padding` bytes behind it.
final class ByteStringMap {
    struct Slot: BitwiseCopyable {
        /// The key itself where it fits, otherwise its hash.
        var word: UInt64
        /// Where the key begins among the keys.
        var key: UInt32
        /// Of the key in bytes; 0 for a free slot, so that there is no empty key.
        var length: UInt32
        var value: UInt32
        var count: UInt32
    }

    private let slots: OwnedBuffer<Slot>
    private let keys: OwnedBuffer<UInt8>
    private let mask: Int
    /// Places that are looked at for a key. Whoever knows the hash can make keys that crowd one place; one more of them is refused, and none costs more.
    private let mostSteps: Int
    private var keyBytes = 0
    private(set) var count = 0
    /// Beyond these it must not be filled.
    let mostKeys: Int
    let mostKeyBytes: Int

    init(keys mostKeys: Int, bytes: Int, mostSteps: Int) {
        var size = 64
        while size < mostKeys * 2 { size *= 2 }
        self.mostKeys = mostKeys
        mostKeyBytes = bytes
        self.mostSteps = mostSteps
        mask = size - 1
        slots = OwnedBuffer(repeating: Slot(word: 0, key: 0, length: 0, value: 0, count: 0), count: size)
        keys = OwnedBuffer(repeating: 0, count: bytes + PaddedBytes.padding)
    }

    @inline(__always)
    static func hash(_ key: UnsafePointer<UInt8>, _ length: Int) -> UInt64 {
        var hash = 0x9E37_79B9_7F4A_7C15 &* UInt64(truncatingIfNeeded: length &+ 1)
        var offset = 0
        while offset &+ 8 <= length {
            hash = (hash ^ ByteWord.load(key + offset)) &* 0xD6E8_FEB8_6659_FD93
            hash ^= hash >> 32
            offset = offset &+ 8
        }
        if offset < length {
            hash = (hash ^ (ByteWord.load(key + offset) & ByteWord.mask(length &- offset))) &* 0xD6E8_FEB8_6659_FD93
            hash ^= hash >> 32
        }
        hash = hash &* 0xD6E8_FEB8_6659_FD93
        return hash ^ (hash >> 29)
    }

    /// The key's slot; nil if it has none.
    @inline(__always)
    func find(_ key: UnsafePointer<UInt8>, _ length: Int, hash: UInt64) -> UnsafePointer<Slot>? {
        guard let slot = slot(key, length, hash), slot.pointee.length != 0 else { return nil }
        return UnsafePointer(slot)
    }

    func value(of key: UnsafePointer<UInt8>, _ length: Int) -> UInt32? {
        guard length > 0 else { return nil }
        guard let slot = find(key, length, hash: ByteStringMap.hash(key, length)), slot.pointee.count > 0 else { return nil }
        return slot.pointee.value
    }

    /// From now on the key has no value.
    func forget(_ key: UnsafePointer<UInt8>, _ length: Int) {
        guard length > 0, let slot = slot(key, length, ByteStringMap.hash(key, length)), slot.pointee.length > 0 else { return }
        slot.pointee.count = 0
    }

    func hasRoom(for length: Int) -> Bool { count < mostKeys && keyBytes + length <= mostKeyBytes }

    /// Sets or overwrites. There must be room, and the key must not be empty. False, with nothing changed, if too many keys crowd its place.
    func set(_ key: UnsafePointer<UInt8>, _ length: Int, hash: UInt64, value: UInt32, count valueCount: UInt32 = 1) -> Bool {
        guard let slot = slot(key, length, hash) else { return false }
        if slot.pointee.length == 0 {
            precondition(length > 0 && hasRoom(for: length), "the caller makes room first")
            (keys.base + keyBytes).update(from: key, count: length)
            slot.pointee = Slot(
                word: ByteStringMap.identity(key, length, hash), key: UInt32(keyBytes), length: UInt32(length), value: value,
                count: valueCount)
            keyBytes += length
            count += 1
        } else {
            slot.pointee.value = value
            slot.pointee.count = valueCount
        }
        return true
    }

    func removeAll() {
        slots.base.update(repeating: Slot(word: 0, key: 0, length: 0, value: 0, count: 0), count: mask + 1)
        keyBytes = 0
        count = 0
    }

    /// Where the key is or belongs; nil if that is too far from where it should be.
    @inline(__always)
    private func slot(_ key: UnsafePointer<UInt8>, _ length: Int, _ hash: UInt64) -> UnsafeMutablePointer<Slot>? {
        let word = ByteStringMap.identity(key, length, hash)
        let first = Int(truncatingIfNeeded: hash) & mask
        var step = 0
        while step < mostSteps {
            let slot = slots.base + ((first &+ step) & mask)
            if slot.pointee.length == 0 { return slot }
            if slot.pointee.word == word, Int(slot.pointee.length) == length,
                length <= 8 || ByteStringMap.areEqual(keys.base + Int(slot.pointee.key), key, length)
            {
                return slot
            }
            step = step &+ 1
        }
        return nil
    }

    @inline(__always)
    private static func identity(_ key: UnsafePointer<UInt8>, _ length: Int, _ hash: UInt64) -> UInt64 {
        length <= 8 ? ByteWord.load(key) & ByteWord.mask(length) : hash
    }

    @inline(__always)
    private static func areEqual(_ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>, _ length: Int) -> Bool {
        var offset = 0
        while offset &+ 8 <= length {
            guard ByteWord.load(left + offset) == ByteWord.load(right + offset) else { return false }
            offset = offset &+ 8
        }
        return offset == length || (ByteWord.load(left + offset) ^ ByteWord.load(right + offset)) & ByteWord.mask(length &- offset) == 0
    }
}
