import ClusterHarness
import EventLoop
import Glibc
import JSONText
import TestSupport
import Testing

extension ProcessSuites {
    @Suite("Metrics, as the programs that read them see them")
    struct MetricsTests {
        /// Names that are not ours to choose, with what promtool would have otherwise.
        private static let remarks: Set<String> = [
            "dynamo_frontend_detokenize_token_count counter metrics should have \"_total\" suffix",
            "dynamo_frontend_detokenize_token_count non-histogram and non-summary metrics should not have \"_count\" suffix",
            "dynamo_frontend_detokenize_total_us counter metrics should have \"_total\" suffix",
            "dynamo_frontend_detokenize_total_us metric names should not contain abbreviated units",
            "dynamo_frontend_tokenizer_latency_ms metric names should not contain abbreviated units",
            "dynamo_router_overhead_block_hashing_ms metric names should not contain abbreviated units",
            "dynamo_router_overhead_indexer_find_matches_ms metric names should not contain abbreviated units",
            "dynamo_router_overhead_scheduling_ms metric names should not contain abbreviated units",
            "dynamo_router_overhead_seq_hashing_ms metric names should not contain abbreviated units",
            "dynamo_router_overhead_total_ms metric names should not contain abbreviated units",
        ]

        @Test("promtool reads what each of the three processes shows, and remarks only on names that are not ours to choose")
        func promtool() async throws {
            let tool = try Self.program("promtool"), folder = try TemporaryFolder("promtool")
            defer { folder.remove() }
            try await ProcessCluster.with { cluster in
                try await Self.serve(cluster)
                for member in [cluster.routers[0], cluster.workers[0], cluster.frontends[0]] {
                    let text = await (try cluster.admin(of: member)).get("/metrics").text
                    #expect(text.hasSuffix("\n") && text.count > 1_000)
                    let file = try folder.write(text, to: member.name)
                    // Its own input is standard input; a shell gives it one.
                    let child = try ChildProcess(
                        "promtool", at: "/bin/sh", ["-c", #""$0" check metrics < "$1""#, tool, file], on: cluster.loop)
                    let ending = try await child.ended(within: .seconds(30))
                    // 3: remarks on names. 1: it does not parse.
                    #expect(ending == .exited(0) || ending == .exited(3), "\(member.name): \(child.lastWords)")
                    let said = child.lines + child.outputLines
                    #expect(said.allSatisfy { Self.remarks.contains($0) }, "\(member.name): \(said.filter { !Self.remarks.contains($0) })")
                }
            }
        }

        @Test("a Prometheus that scrapes the three processes finds them up, and answers how many requests there were")
        func prometheus() async throws {
            let server = try Self.program("prometheus"), folder = try TemporaryFolder("prometheus")
            defer { folder.remove() }
            try await ProcessCluster.with { cluster in
                try await Self.serve(cluster)
                let members = [cluster.routers[0], cluster.workers[0], cluster.frontends[0]]
                let targets = members.compactMap { $0.addresses.admin?.split(separator: "/").last.map { "'\($0)'" } }.joined(
                    separator: ", ")
                let file = try folder.write(
                    """
                    global: {scrape_interval: 1s, scrape_timeout: 1s}
                    scrape_configs:
                      - {job_name: apus, static_configs: [{targets: [\(targets)]}]}

                    """, to: "prometheus.yml")
                let child = try ChildProcess(
                    "prometheus", at: server,
                    [
                        "--config.file=\(file)", "--storage.tsdb.path=\(folder.path)/data", "--web.listen-address=127.0.0.1:0",
                        "--log.format=json",
                    ], on: cluster.loop)
                defer { child.killNow() }
                let line = try await child.logged("Listening on", within: .seconds(30))
                let port = try #require(line["address"]?.split(separator: ":").last.flatMap { UInt16($0) })
                let client = TestClient(on: cluster.loop, sockets: EpollSockets(on: cluster.loop), host: "127.0.0.1", port: port)
                var up = 0.0, requests = 0.0
                for _ in 0..<300 where up < 3 || requests < 3 {
                    await cluster.loop.sleep(for: .milliseconds(100))
                    up = Self.answer(await client.get("/api/v1/query?query=sum(up)")) ?? up
                    let query = "sum(dynamo_frontend_requests_total%7Bstatus%3D%22success%22%7D)"
                    requests = Self.answer(await client.get("/api/v1/query?query=\(query)")) ?? requests
                }
                #expect(up == 3 && requests == 3, "\(child.lastWords)")
                child.terminate()
                _ = try await child.ended(within: .seconds(30))
            }
        }

        @Test("one more request is one more in every family that counts requests, at its frontend and its router")
        func once() async throws {
            try await ProcessCluster.with { cluster in
                try await Self.serve(cluster)
                let members = [cluster.frontends[0], cluster.routers[0]], client = try cluster.client(of: cluster.frontends[0])
                let before = try await Self.totals(members, of: cluster)
                var request = ChatRequest(model: "apus-mock", prompt: "Story once more.", maxTokens: 12)
                request.streams = true
                let reply = await client.chat(request)
                #expect(reply.isComplete, "\(reply.summary)")
                let after = try await Self.totals(members, of: cluster)
                let grown = Dictionary(uniqueKeysWithValues: after.map { ($0.key, $0.value - (before[$0.key] ?? 0)) })
                for name in Self.onceARequest { #expect(grown[name] == 1, "\(name): \(grown[name].map { "\($0)" } ?? "not there")") }
                #expect(grown["dynamo_frontend_output_tokens_total"] == 12)
                #expect(grown["dynamo_frontend_inter_token_latency_seconds_count"] == 11)
                #expect(grown["dynamo_component_router_inter_token_latency_seconds_count"] == 11)
                // Four stages that dashboards know.
                #expect(grown["dynamo_frontend_stage_duration_seconds_count"] == 4)
                #expect(grown["dynamo_frontend_tokenizer_latency_ms_count"] == 2)
                let idle = ["inflight", "queued", "active"].map { after["dynamo_frontend_\($0)_requests"] }
                #expect(idle == [0, 0, 0])
            }
        }

        private static let onceARequest = [
            "dynamo_frontend_requests_total", "dynamo_frontend_request_duration_seconds_count",
            "dynamo_frontend_input_sequence_tokens_count", "dynamo_frontend_output_sequence_tokens_count",
            "dynamo_frontend_cached_tokens_count", "dynamo_frontend_time_to_first_token_seconds_count",
            "dynamo_frontend_tokenize_seconds_count", "dynamo_frontend_template_seconds_count", "dynamo_component_router_requests_total",
            "dynamo_component_router_time_to_first_token_seconds_count", "dynamo_component_router_input_sequence_tokens_count",
            "dynamo_component_router_output_sequence_tokens_count", "dynamo_component_router_kv_hit_rate_count",
            "dynamo_router_overhead_block_hashing_ms_count", "dynamo_router_overhead_indexer_find_matches_ms_count",
            "dynamo_router_overhead_seq_hashing_ms_count", "dynamo_router_overhead_scheduling_ms_count",
            "dynamo_router_overhead_total_ms_count", "apus_router_plans_total",
        ]

        /// The sum over all series of each sample name that these show.
        @LoopActor
        private static func totals(_ members: [ClusterMember], of cluster: ProcessCluster) async throws -> [String: Double] {
            var totals: [String: Double] = [:]
            for member in members {
                for line in await (try cluster.admin(of: member)).get("/metrics").text.split(separator: "\n") where !line.hasPrefix("#") {
                    let name = String(line.prefix { $0 != "{" && $0 != " " })
                    totals[name, default: 0] += line.split(separator: " ").last.flatMap { Double($0) } ?? 0
                }
            }
            return totals
        }

        // MARK: The guide

        /// A row of the guide's table.
        private struct Row: Hashable {
            let name: String
            let kind: String
            let labels: String
        }

        /// Shown only where something has happened that does not happen here; or what has no series on such machines.
        private static let rare: Set<String> = [
            "apus_metric_series_dropped_total", "dynamo_frontend_worker_last_inter_token_latency_seconds",
        ]

        @Test("the guide's table has every family that a cluster shows, with its kind and labels, and no other")
        func guide() async throws {
            let rows = try Self.rows()
            #expect(rows.count > 80 && Set(rows.map(\.name)).count == rows.count)
            try await ProcessCluster.with { cluster in
                try await Self.serve(cluster)
                await cluster.loop.sleep(for: .milliseconds(1_500))
                var shown: Set<String> = []
                for member in [cluster.routers[0], cluster.workers[0], cluster.frontends[0]] {
                    for row in Self.families(await (try cluster.admin(of: member)).get("/metrics").text) {
                        shown.insert(row.name)
                        guard let written = rows.first(where: { $0.name == row.name }) else {
                            Issue.record("\(row.name) of \(member.role) is not in the guide")
                            continue
                        }
                        #expect(written == row)
                    }
                }
                // A family without a series is not shown: those that are about what goes wrong.
                let absent = rows.map(\.name).filter { $0.hasPrefix("dynamo_") && !shown.contains($0) && !Self.rare.contains($0) }
                #expect(absent.isEmpty)
            }
        }

        private static func rows() throws -> [Row] {
            let text = String(decoding: try GoldenVectors.contents("\(GoldenVectors.root)/deploy/guides/metrics.md"), as: UTF8.self)
            return text.split(separator: "\n").compactMap { line in
                let cells = line.split(separator: "|").map { cell in cell.filter { $0 != " " && $0 != "`" } }
                guard line.hasPrefix("| `"), cells.count == 4, ["counter", "gauge", "histogram"].contains(cells[1]) else { return nil }
                return Row(name: cells[0], kind: cells[1], labels: cells[2])
            }
        }

        /// What a scrape has: names, kinds, and the labels of their first samples.
        private static func families(_ text: String) -> [Row] {
            let lines = text.split(separator: "\n")
            return lines.indices.filter { lines[$0].hasPrefix("# TYPE ") }.map { index in
                let words = lines[index].split(separator: " ")
                let sample = index + 1 < lines.count ? lines[index + 1] : ""
                return Row(name: String(words[2]), kind: String(words[3]), labels: labels(of: sample))
            }
        }

        private static func labels(of sample: Substring) -> String {
            guard let open = sample.firstIndex(of: "{"), let close = sample.lastIndex(of: "}") else { return "-" }
            // Values of these clusters have neither quotes nor commas.
            let names = sample[sample.index(after: open)..<close].split(separator: ",").compactMap { $0.split(separator: "=").first }
            let others = names.filter { $0 != "le" }
            return others.isEmpty ? "-" : others.joined(separator: ",")
        }

        // MARK: Helpers

        /// Three chats, one of them whole, and a request that is refused.
        @LoopActor
        private static func serve(_ cluster: ProcessCluster) async throws {
            let client = try cluster.client(of: cluster.frontends[0])
            for number in 0..<3 {
                var request = ChatRequest(model: "apus-mock", prompt: "Story \(number).", maxTokens: 12)
                request.streams = number > 0
                let reply = await client.chat(request)
                #expect(reply.isComplete, "\(reply.summary)")
            }
            #expect(await client.chat(ChatRequest(model: "nobody's", prompt: "Story.")).http.status == 404)
        }

        private static func answer(_ reply: ClientReply) -> Double? {
            let value = reply.json?["data"]?["result"]?.asArray?.first?["value"]?.asArray
            return value?.last?.asString.flatMap { Double($0) }
        }

        private static func program(_ name: String) throws -> String {
            for folder in ["/usr/bin", "/usr/local/bin"] where access("\(folder)/\(name)", X_OK) == 0 { return "\(folder)/\(name)" }
            throw Unmet("\(name) is on this machine; deploy/dev/setup installs it (package prometheus)")
        }
    }
}
