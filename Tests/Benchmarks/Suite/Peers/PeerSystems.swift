import Glibc

/// Other systems that serve models, as their owners say they are run, before mock engines that are as fast as they can be.
struct PeerSystems {
    static let names = ["apus", "dynamo", "dynamo-fast", "sglang-router", "vllm-router"]

    let settings: Settings
    /// With the model's folder, which the systems that tokenize must share.
    let model: String

    private static let engines = 4
    /// Python imports a lot.
    private static let startLimit = Duration.seconds(180)

    /// Nil: there is no system of this name.
    func system(_ name: String) throws(BenchmarkFailure) -> ServingSystem? {
        switch name {
        case "apus": try ApusSystem(settings, model: model).system()
        case "dynamo": try dynamo(name, isFast: false)
        case "dynamo-fast": try dynamo(name, isFast: true)
        case "sglang-router": try router(name, "sglang", "sglang_router.launch_router", quiet: "warn")
        case "vllm-router": try router(name, "vllm", "vllm_router.launch_router", quiet: "warning")
        default: nil
        }
    }

    private func python(_ environment: String) throws(BenchmarkFailure) -> String {
        let path = "\(settings.peers)/\(environment)/bin/python"
        guard access(path, X_OK) == 0 else { throw BenchmarkFailure("\(path) is missing; deploy/dev/bench peers installs it") }
        return path
    }

    /// NVIDIA Dynamo without etcd and NATS: its frontend with the KV router inside, and its mock engines in one process.
    private func dynamo(_ name: String, isFast: Bool) throws(BenchmarkFailure) -> ServingSystem {
        let python = try python("dynamo"), port = try FreePorts.take(1)[0], state = try WorkFolder()
        var environment = [
            ("DYN_DISCOVERY_BACKEND", "file"), ("DYN_FILE_KV", state.path), ("DYN_REQUEST_PLANE", "tcp"), ("DYN_EVENT_PLANE", "zmq"),
            ("DYN_LOG", "error"), ("HF_HUB_OFFLINE", "1"), ("PYTHONUNBUFFERED", "1"),
        ]
        for listener in ["TCP_RPC", "TCP_RESPONSE_STREAM", "EVENT_PLANE", "SYSTEM"] {
            environment.append(("DYN_\(listener)_HOST", "127.0.0.1"))
        }
        let engines = ServerProgram(
            part: "mocker", path: python,
            arguments: [
                "-m", "dynamo.mocker", "--model-path", model, "--model-name", BenchPrompts.modelName, "--num-workers", "\(Self.engines)",
                "--speedup-ratio", "1000000", "--block-size", "16", "--num-gpu-blocks-override", "65536",
            ], environment: environment, isEngine: true)
        var options = ["-m", "dynamo.frontend", "--http-host", "127.0.0.1", "--http-port", "\(port)", "--router-mode", "kv"]
        if isFast {
            options += ["--tokenizer", "fastokens", "--no-tokenizer-fallback"]
            environment.append(("DYN_TOKENIZER_CACHE", "1"))
        }
        let frontend = ServerProgram(part: "frontend", path: python, arguments: options, environment: environment)
        return ServingSystem(
            name: name, programs: [engines, frontend], port: port, model: BenchPrompts.modelName, startLimit: Self.startLimit, state: state)
    }

    /// A router before servers that answer at once: what proxying alone costs.
    private func router(
        _ name: String, _ environment: String, _ module: String, quiet: String
    ) throws(BenchmarkFailure) -> ServingSystem {
        let python = try python(environment), ports = try FreePorts.take(Self.engines + 2)
        let binaries = try ApusSystem(settings, model: nil).binaries
        let servers = ports.prefix(Self.engines).map { port in
            ServerProgram(
                part: "null-server", path: "\(binaries)/loadgen",
                arguments: ["null-server", "--listen", "127.0.0.1:\(port)", "--model", BenchPrompts.modelName, "--one-by-one"],
                isEngine: true)
        }
        let router = ServerProgram(
            part: "router", path: python,
            arguments: ["-m", module, "--host", "127.0.0.1", "--port", "\(ports[Self.engines])", "--policy", "cache_aware"]
                + ["--prometheus-port", "\(ports[Self.engines + 1])", "--log-level", quiet, "--worker-urls"]
                + ports.prefix(Self.engines).map { "http://127.0.0.1:\($0)" })
        return ServingSystem(
            name: name, programs: servers + [router], port: ports[Self.engines], model: BenchPrompts.modelName,
            startLimit: Self.startLimit)
    }
}
