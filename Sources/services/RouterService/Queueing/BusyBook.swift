import EventLoop
import Scheduling

/// When a rank counts as busy: the router's thresholds, and those that an operator gave to single models.
@LoopActor
final class BusyBook {
    private(set) var common: BusyThresholds
    private var ofModels: [String: BusyThresholds] = [:]

    /// Models that exist can be named; more than so many are somebody's mistake.
    private static let most = 1_024

    init(_ common: BusyThresholds) { self.common = common }

    subscript(model: String) -> BusyThresholds { ofModels.isEmpty ? common : ofModels[model] ?? common }

    /// By name.
    var own: [(model: String, thresholds: BusyThresholds)] {
        ofModels.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Nil: of every model that has none of its own. False: there is no room for another model.
    func set(_ thresholds: BusyThresholds, of model: String?) -> Bool {
        guard let model else {
            common = thresholds
            return true
        }
        guard ofModels[model] != nil || ofModels.count < Self.most else { return false }
        ofModels[model] = thresholds
        return true
    }

    /// The common ones count for it again.
    func reset(_ model: String) { ofModels[model] = nil }
}
