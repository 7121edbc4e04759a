import Engines

/// What an engine's words for where a block lies mean to us.
enum ForeignPlace {
    /// Nil for a medium that we have never heard of.
    static func tier(of place: BlockPlace) -> EngineTier? {
        // What lies with another worker is the engine's to fetch, from wherever that keeps it.
        if let locality = place.locality, locality.uppercased() == "REMOTE" { return .external }
        guard let medium = place.medium else { return .device }
        switch medium.uppercased() {
        case "GPU": return .device
        case "CPU", "CPU_PINNED", "CPU_TIER1", "CPU_TIER2": return .host
        case "DISK", "STORAGE": return .disk
        case "EXTERNAL": return .external
        default: return nil
        }
    }

    /// Attention that reads the whole prefix: only there a block is of use wherever a prompt that begins so goes on. A sliding window and a state
    /// that runs along keep, for other layers, what a hit needs as well; they say nothing that the main group does not.
    static func keepsWholePrefix(_ stored: StoredBlocks) -> Bool {
        guard stored.slidingWindow == nil else { return false }
        switch stored.attention {
        case nil, "full_attention", "mla_attention", "sink_full_attention": return true
        default: return false
        }
    }
}
