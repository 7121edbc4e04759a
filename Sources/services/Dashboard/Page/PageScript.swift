// Written by deploy/dev/dashboard-page from Source/*.js; change that file instead.
// swift-format-ignore-file
/// The parts in the order of their files' numbers.
enum PageScript {
static let hash = "sha256-TB6ZmzdqO37cmJCukxFRYb4XTlUhMHvP3jp3/SUCYGo="
static let text = scriptWords + scriptTables + scriptCharts + scriptRequests + scriptMain
}
