import ClusterHarness
import EventLoop
import JSONText
import Testing

extension ProcessSuites {
    @Suite("Three programs serve")
    struct ServingTests {
        @Test("a cluster that was just started answers, streamed and whole, with the text of the model")
        func answers() async throws {
            try await ProcessCluster.with { cluster in
                let frontend = cluster.frontends[0], client = try cluster.client(of: frontend)
                let models = try await cluster.models(of: frontend)
                #expect(models == ["apus-mock"])
                for streams in [true, false] {
                    for plain in [true, false] {
                        var request = ChatRequest(model: models[0], prompt: "Tell me of the sea, \(streams), \(plain).", maxTokens: 40)
                        request.seed = 11
                        request.streams = streams
                        request.isPlain = plain
                        let reply = await client.chat(request)
                        #expect(reply.isComplete, "\(reply.summary)")
                        #expect(reply.text == ExpectedText.text(of: request))
                        #expect(reply.answer.usage?.completionTokens == 40)
                        #expect(reply.answer.choices.map(\.finishReason) == ["length"])
                    }
                }
            }
        }

        @Test("each of them says once at its start what it was not given")
        func startLines() async throws {
            try await ProcessCluster.with { cluster in
                let proof = "proof of peers (--cluster-secret-file)"
                for (member, missing) in [
                    (cluster.routers[0], "other routers (--peers), \(proof)"),
                    (cluster.workers[0], "tokenizer and chat template (--model), \(proof)"),
                    (cluster.frontends[0], "keys of clients (--tenants-file), HTTPS (--https-cert-file), \(proof)"),
                ] {
                    let said = try #require(member.process?.log.filter { $0.message == "listening" })
                    #expect(said.map { $0["missing"] } == [missing], "\(member.name)")
                }
            }
        }

        @Test("bad JSON is 400 and an unknown model 404, in the envelope that clients read")
        func refusals() async throws {
            try await ProcessCluster.with { cluster in
                let client = try cluster.client(of: cluster.frontends[0])
                let broken = await client.post("/v1/chat/completions", Array(#"{"model": "apus-mock", "messages": [}"#.utf8))
                #expect(broken.status == 400 && broken.ending == .answered)
                #expect(broken.json?["error"]?["type"]?.asString == "invalid_request_error")
                #expect(broken.json?["error"]?["message"]?.asString?.isEmpty == false)
                let unknown = await client.chat(ChatRequest(model: "no-such-model", prompt: "Hello"))
                #expect(unknown.http.status == 404 && unknown.answer.failure?.code == "model_not_found")
                let path = await client.get("/v1/nothing")
                #expect(path.status == 404 && path.json?["error"]?["message"]?.asString != nil)
                let request = ChatRequest(model: "apus-mock", prompt: "Hello")
                #expect(await client.chat(request).isComplete, "the frontend serves on")
            }
        }

        @Test("T45: what operators ask of a process does not exist on the clients' port, whatever a client writes to get there")
        func adminPaths() async throws {
            try await ProcessCluster.with { cluster in
                let frontend = cluster.frontends[0], client = try cluster.client(of: frontend), admin = try cluster.admin(of: frontend)
                // It is there, so that what follows is no mistake in a path.
                #expect(await admin.get("/metrics").status == 200)
                #expect(await admin.get("/debug/state").status == 200)
                for path in [
                    "/metrics", "/debug/state", "/livez/../debug/state", "//debug/state", "/%64ebug/state", "/debug/state?x=/v1/models",
                    "/v1/models/../../debug/state", "/drain", "/role",
                ] {
                    let status = await client.get(path).status
                    #expect(status == 404 || status == 400, "\(path): \(status)")
                    let posted = await client.post(path, Array("{}".utf8)).status
                    #expect(posted == 404 || posted == 400 || posted == 405, "\(path): \(posted)")
                }
            }
        }

        @Test("an idle cluster costs next to nothing")
        func idle() async throws {
            try await ProcessCluster.with { cluster in
                let client = try cluster.client(of: cluster.frontends[0])
                #expect(await client.chat(ChatRequest(model: "apus-mock", prompt: "Hello")).isComplete)
                await cluster.loop.sleep(for: .seconds(1))
                let before = cluster.members.compactMap { member in member.usage.map { (member, $0) } }
                let span = Duration.seconds(5)
                await cluster.loop.sleep(for: span)
                for (member, earlier) in before {
                    let now = try #require(member.usage)
                    let share = (now.cpuSeconds - earlier.cpuSeconds) / 5 * 100
                    note(
                        "\(member.name), idle: \((share * 100).rounded() / 100) % of a core, \(now.residentBytes >> 20) MiB resident, "
                            + "\(now.threads) threads, \(now.descriptors) descriptors")
                    // Generous: these builds are not optimised. What this catches is a loop that spins.
                    #expect(share < 5, "\(member.name)")
                    #expect(now.descriptors <= earlier.descriptors + 2, "\(member.name) keeps descriptors")
                }
            }
        }
    }
}
