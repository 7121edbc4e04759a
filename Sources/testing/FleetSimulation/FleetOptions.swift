package import LoadGeneration

/// What fleet is simulated, and under which load.
package struct FleetOptions: Sendable {
    package var limits = GoodputLimits(timeToFirstToken: .seconds(2), timePerToken: .milliseconds(25))

    package init() {}
}
