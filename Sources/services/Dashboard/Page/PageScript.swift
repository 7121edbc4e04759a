// Written by deploy/dev/dashboard-page from Source/*.js; change that file instead.
// swift-format-ignore-file
/// The parts in the order of their files' numbers.
enum PageScript {
static let hash = "sha256-JMQ9OeVEuq6zlv6SrtYznj6VVh0hN3xTwKvDhjtLOxk="
static let text = scriptWords + scriptTables + scriptCharts + scriptRequests + scriptMain
}
