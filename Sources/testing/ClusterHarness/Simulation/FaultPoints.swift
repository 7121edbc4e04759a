/// The places in the product at which simulations do harm, as they are named there; `Tests/TidyTests` holds these lists against the code.
package enum FaultPoints {
    /// `reaches(…)`: the process dies there, stops, or loses its links.
    package static let places = [
        "all of a room sent, its end not",
        "answer ended, and not counted",
        "frontend's state about to be published",
        "lease booked, plan not sent",
        "part of a snapshot answered",
        "question to a router not sent",
        "request accepted, and nobody told",
        "request ended at its worker, and nobody told",
        "request parked",
        "request to a worker not sent",
        "room handed over, its leg not ended",
        "router's state about to be published",
        "session bound, and nobody told",
        "tenant charged, request not begun",
        "worker registered, and does not know",
        "worker registered, and not answered",
        "worker's events about to be published",
    ]

    /// `fails(at: …)`: what is asked there is refused for a while.
    package static let refusals = [
        "model not fetched",
        "no room for a lease",
        "no room for an offered room",
        "no room in the pool",
        "slow work in the pool",
        "tenants' file not read",
    ]
}
