import ClusterModel
import EventLoop
import Scheduling
import Telemetry
import WireProtocol

/// What other routers book on the same workers.
///
/// A lease of theirs counts from the moment they tell of it until the worker has it: from then on the worker's events alone speak for it, and what
/// becomes of its router does not matter. Until then it ends with its router's word, with that router, or like any lease that no worker accepts.
extension LeaseLedger {
    func heard(_ made: LeaseMade, from router: RouterLife) {
        // Nobody else draws numbers of this router's series.
        guard !isOurs(made.lease) else { return metrics.strangeEvents.increment() }
        guard booked[router, default: []].count < PeerLimits.leases else { return metrics.strangeEvents.increment() }
        var lease = Lease(
            number: made.lease, life: WorkerLife(worker: WorkerID(made.workerID), generation: Generation(made.generation)),
            rank: Rank(made.rank), role: PlacementRole(made.leg))
        lease.request = RequestID(origin: made.request.origin, counter: made.request.counter)
        lease.attempt = made.request.attempt
        lease.promptTokens = made.promptTokens
        lease.prefillTokens = made.prefillTokens
        lease.expectedOutputTokens = made.expectedOutputTokens
        lease.promptBlocks = made.promptBlocks
        if hasSlot(lease.placement) { lease.hashes = made.hashes }
        lease.bookedBy = router
        // Known already: the worker was faster, or it is said again.
        guard book(lease) else { return }
        booked[router, default: []].insert(made.lease)
    }

    func heard(_ over: LeaseReleased, from router: RouterLife) {
        guard booked[router]?.remove(over.lease) != nil else { return }
        withdraw(over.lease, bookedBy: router, LeaseRelease(over.reason))
        settle()
    }

    /// All that the router has booked, as its snapshot says: what it does not name is over.
    func reconcile(_ router: RouterLife, made: [LeaseMade]) {
        let named = Set(made.map(\.lease))
        withdraw((booked[router] ?? []).subtracting(named), bookedBy: router)
        for lease in made { heard(lease, from: router) }
    }

    /// Its beat is lost, or it is in another life: nobody is left who would say what becomes of its bookings.
    func drop(_ router: RouterLife) {
        withdraw(booked[router] ?? [], bookedBy: router)
        booked[router] = nil
    }

    private func withdraw(_ numbers: Set<UInt64>, bookedBy router: RouterLife) {
        for number in numbers.sorted() {
            booked[router]?.remove(number)
            withdraw(number, bookedBy: router, .expired)
        }
        settle()
    }

    /// Bookings of other routers that no worker has accepted yet, of one router or of all.
    func bookings(of router: RouterLife) -> Int {
        (booked[router] ?? []).count { table[$0]?.bookedBy == router }
    }
}
