/// Bounds of a worker that are behaviour; those of the wire are `Limits`, those of links `TransportLimits`.
enum WorkerLimits {
    /// Requests that have ended, kept for `memorySpan`: a thousand a second for a minute.
    static let rememberedRequests = 65_536
    /// A repeat within this is a duplicate.
    static let memorySpan = Duration.seconds(60)
    /// Events wait no longer than this for others to leave with.
    static let eventPause = Duration.milliseconds(10)
    /// Data and recovery links that are open at once: every process of a large cluster twice.
    static let links = 4_096
    /// How long a router may take to answer a registration.
    static let registration = Duration.seconds(5)
    /// Entries of one page of a snapshot: 64 KiB together with the header, the page's own fields and the tail of a later minor.
    static let snapshotPageBytes = (64 << 10) - 512
    /// A snapshot's first section is kept for an asker that comes back for its next page.
    static let snapshotKept = Duration.seconds(10)
    /// Open sessions, each with its name: what a router mirrors of a worker is bounded by it.
    static let sessions = 65_536
    /// Of a session whose opening states none, and the longest that is granted: a client that never comes back holds blocks for a day.
    static let sessionTimeToLive = Duration.seconds(300)
    static let longestSessionTimeToLive = Duration.seconds(86_400)
    /// For so many askers at once: every router of a large cluster that begins at the same time.
    static let snapshotsKept = 8
    /// Blocks that the worker remembers for its stream, over all ranks and tiers: half a gigabyte. No engine of today has as many.
    static let mirroredBlocks = 16 << 20
    /// Where an entry states no limit of its own: `proto-spec/07-limits.md#behaviour`.
    static let total = Duration.seconds(1_800)
    static let firstToken = Duration.seconds(120)
    static let silence = Duration.seconds(30)
    /// Before the drain limit ends, what still runs is given back, so that there is time to say so.
    static let drainReserve = Duration.seconds(2)
    /// What an operator may ask for; longer is not a drain.
    static let longestDrain = Duration.seconds(86_400)
    /// An engine that runs elsewhere loads its model before it answers, and a large one takes half an hour.
    static let engineReached = Duration.seconds(1_800)
    /// What is said of an engine that begins anew: most are back by then, and routers keep what comes earlier until they are.
    static let engineReturn = Duration.seconds(1)
    /// A step that was begun ends within this, or its thread is left behind.
    static let engineClose = Duration.seconds(5)
    /// Media of a parity list are hashed into every block that they touch: no more of these than tokens.
    static let parityMedia = 65_536
    /// How long either side of a room waits for the other; a frontend may say less. A closed room is remembered for as long.
    static let rendezvous = Duration.seconds(10)
    /// What a peer that knows of a room gets beyond that to say what is wrong.
    static let roomAnswer = Duration.milliseconds(500)
    /// RoomEnd is answered when the last chunks are stored; signs of that come before.
    static let roomEndAnswer = Duration.seconds(60)
    /// Without a chunk or an acknowledgement.
    static let kvStall = Duration.seconds(5)
    /// A link that was lost is dialled again after this; an idle one is kept for the next request of the same pair.
    static let kvRedial = Duration.milliseconds(100)
    static let kvIdle = Duration.seconds(10)
    /// Large enough for the full rate of a link, small enough that the receiver stores while the next one travels.
    static let kvChunkBytes = 1 << 20
    /// Of all rooms of a link between engine and socket: what a link takes in some milliseconds.
    static let kvUnsentBytes = 8 << 20
    /// Of all rooms, unpacked and not in the engine yet: what an engine stores in some tens of milliseconds. Chunks are small on the way.
    static let kvStoringBytes = 64 << 20
    /// Rooms of a link that send at a time: enough to keep it busy while some of them wait for their engine.
    static let kvRoomsAtOnce = 8
    /// What a loop goes through itself: some tens of microseconds.
    static let kvInlineBytes = 32 << 10
    /// The pool is full: it is asked again.
    static let kvPoolPause = Duration.milliseconds(2)
    /// Of one link, waiting for blocks at the peer: far below the questions that a link allows, so that rooms can end beside them.
    static let openOffers = 1_024
    static let roomsPerLink = 4_096
    /// Rooms that were offered, and whose request has not come.
    static let openRoomOffers = 4_096
    static let roomTombstones = 16_384
    static let kvLinks = 1_024
    /// Legs of requests that a worker gave back come within this, or not at all.
    static let moveArrival = Duration.seconds(1)
    /// Where running requests can be moved, they are given back so much earlier, for their state to be fetched.
    static let moveReserve = Duration.seconds(5)
    /// Lines of one kind in a log each ten seconds.
    static let logLines = 5
    static let logMilliseconds: Int64 = 10_000
    /// What a publisher keeps free of the 64 KiB for the header and the tail of a later minor.
    static let feedReserveBytes = 512
}
