package import ClusterModel
package import EventLoop

/// The salts that one engine was given, for all of its ranks and for as long as it may live.
@LoopActor
package final class EngineSaltBook {
    var table = EngineSalts()

    package init() {}

    package func distinguish() { table.distinguish() }

    /// Whether or not anybody follows the engine at the moment: what it computes now may be heard of later.
    package func remember(_ salt: CacheSalt, sentAs text: String) { table.remember(salt, sentAs: text) }
}
