// SPDX-License-Identifier: Apache-2.0
// The peer of the rows about inference of `make bench`: what one writes with fastify and onnxruntime-node, one thread each.
//
//     NODE_PATH=node_modules node tensors.js PORT MODEL.onnx
//
// POST / takes {"inputs": [{"name", "shape", "data"}]} and answers {"outputs": [{"name", "shape", "data"}]}.
'use strict';

const fastify = require('fastify');
const ort = require('onnxruntime-node');

const [, , port, file] = process.argv;

async function main() {
  const session = await ort.InferenceSession.create(file, {intraOpNumThreads: 1, interOpNumThreads: 1,
    graphOptimizationLevel: 'all'});
  const app = fastify({logger: false, bodyLimit: 64 << 20, keepAliveTimeout: 3600000});
  app.post('/', async (request) => {
    const feeds = {};
    for (const input of request.body.inputs)
      feeds[input.name] = new ort.Tensor('float32', Float32Array.from(input.data), input.shape);
    const results = await session.run(feeds);
    return {outputs: session.outputNames.map((name) => ({name, shape: results[name].dims,
      data: Array.from(results[name].data)}))};
  });
  await app.listen({host: '127.0.0.1', port: Number(port)});
}

main();
