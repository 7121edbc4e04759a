// Written by deploy/dev/dashboard-page from Source/*.js; change that file instead.
// swift-format-ignore-file
/// The parts in the order of their files' numbers.
enum PageScript {
static let hash = "sha256-s5Y6FUrzRo+MgOrjHqIpvX0sZHaaeu1ebH+66zEGY4M="
static let text = scriptWords + scriptTables + scriptCharts + scriptRequests + scriptMain
}
