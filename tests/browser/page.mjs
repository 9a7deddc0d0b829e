// Runs the graph on the mixture with onnxruntime-web, and posts the stems, or what went wrong.
const post = (path, body, headers = {}) => fetch(path, { method: "POST", body, headers });
const failed = (what) => post("/failed", String(what));

addEventListener("error", (event) => failed(event.error?.stack ?? event.message));
addEventListener("unhandledrejection", (event) => failed(event.reason?.stack ?? event.reason));
addEventListener("securitypolicyviolation", (event) => failed(`${event.violatedDirective} forbids ${event.blockedURI}`));

const ort = await import("/ort.wasm.bundle.min.mjs");
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create("/graph.onnx", { executionProviders: ["wasm"] });
const mixture = new Float32Array(await (await fetch("/mix.f32")).arrayBuffer());
const start = performance.now();
const { stems } = await session.run({ mix: new ort.Tensor("float32", mixture, [1, 2, mixture.length / 2]) });
const seconds = (performance.now() - start) / 1000;
await post("/stems", stems.data, { "X-Seconds": seconds, "X-Shape": stems.dims });
