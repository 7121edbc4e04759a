/// What a request demands of its place. Requests with equal demands wait for the same placements: if one of them finds all busy, so do the others.
///
/// That is what keeps a pin to a busy worker from holding up those behind it, and a long queue from being tried one by one.
package struct QueueLane: Hashable, Sendable {
    package var wish = PlacementWish.any
    package var needs: UInt64 = 0
    package var loRA = ""
    /// Who has the state that it needs.
    package var stateFrom: KVSide?
    package var pins: [PlacementPin] = []
    /// Where a whole request may run besides: a prefill worker, on its word.
    package var preferred: PlacementTarget?
    /// It runs where this session is, or nowhere.
    package var hardSession: String?
    /// Sorted, as the others.
    package var allowed: [UInt64] = []
    package var excluded: [UInt64] = []
    package var unreachable: [UInt64] = []

    package init() {}
}
