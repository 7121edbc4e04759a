package import ClusterModel

/// What is told of a request that waits for a place, while somebody wants to know.
package enum PlanWait {
    /// A router is asked, or there is none that could be.
    case began(RequestID, tenant: String, priorityClass: UInt32)
    /// It has a place, or gives up.
    case ended(RequestID)
}
