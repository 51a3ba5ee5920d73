// Runs the encoder away from the page, so that the page stays awake: onnxruntime-web on one thread, all files local.

import { findAddress, loadBytes } from "./load.js";
import { Tokenizer } from "./tokenizer.js";

const PROGRESS_EVERY = 100; // milliseconds

let runtime;
let session;
let tokenizer;

async function load(files) {
  const tell = makeTeller();
  const [wasm, model, words, vectors] = await Promise.all(
    ["ort-wasm-simd-threaded.wasm", "model.onnx", "tokenizer.json", "vectors.bin"].map((name) => loadBytes(files[name], tell)),
  );
  runtime = await import(findAddress(files["ort.wasm.min.js"]));
  runtime.env.wasm.numThreads = 1;
  runtime.env.wasm.wasmBinary = wasm.buffer;
  runtime.env.wasm.wasmPaths = { mjs: findAddress(files["ort-wasm-simd-threaded.js"]) };
  tokenizer = new Tokenizer(JSON.parse(new TextDecoder().decode(words)));
  session = await runtime.InferenceSession.create(model, { executionProviders: ["wasm"] });
  return vectors;
}

/** Adds up bytes, and tells the page so a few times a second. */
function makeTeller() {
  let loaded = 0;
  let last = 0;
  return (bytes) => {
    loaded += bytes;
    if (performance.now() - last < PROGRESS_EVERY) return;
    last = performance.now();
    postMessage({ loaded });
  };
}

async function encode(text) {
  const tokens = BigInt64Array.from(tokenizer.encode(text), BigInt);
  const input = new runtime.Tensor("int64", tokens, [1, tokens.length]);
  const output = await session.run({ [session.inputNames[0]]: input });
  return output[session.outputNames[0]].data;
}

async function answer({ files, texts }) {
  if (files) return load(files);
  const vectors = [];
  for (const text of texts) vectors.push(await encode(text));
  return vectors;
}

addEventListener("message", async ({ data }) => {
  try {
    postMessage({ id: data.id, result: await answer(data) });
  } catch (error) {
    postMessage({ id: data.id, failed: String(error?.message ?? error) });
  }
});
