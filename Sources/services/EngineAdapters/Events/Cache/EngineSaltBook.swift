package import EventLoop

/// The salts that one engine was given, for all of its ranks and for as long as it may live.
@LoopActor
package final class EngineSaltBook {
    var table = EngineSalts()

    package init() {}
}
