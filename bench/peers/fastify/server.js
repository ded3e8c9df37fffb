// SPDX-License-Identifier: Apache-2.0
// The service in fastify, with onnxruntime-node and sharp, one thread each.
//
//     PEER_PORT=… PEER_MLP=… PEER_ORIENTATION=… NODE_PATH=node_modules node server.js
'use strict';

const fastify = require('fastify');
const ort = require('onnxruntime-node');
const sharp = require('sharp');
const pauses = require('./pauses.js');

const WIDTH = 192;
const HEIGHT = 48;
const ONE_THREAD = {intraOpNumThreads: 1, interOpNumThreads: 1, executionProviders: ['cpu']};

const CLASSIFY = {
  type: 'object', required: ['inputs'], additionalProperties: false,
  properties: {inputs: {type: 'array', minItems: 1, maxItems: 1, items: {
    type: 'object', required: ['name', 'shape', 'datatype', 'data'], additionalProperties: false,
    properties: {
      name: {const: 'x'},
      shape: {type: 'array', minItems: 2, maxItems: 2, items: {type: 'integer', minimum: 1, maximum: 8}},
      datatype: {const: 'FP32'},
      data: {type: 'array', minItems: 8, maxItems: 8, items: {type: 'number', minimum: -100, maximum: 100}},
    },
  }}},
};

const ANSWER = {
  type: 'object',
  properties: {result: {type: 'string'}, confidence: {type: 'number'}, model: {type: 'string'},
    model_version: {type: 'string'}, latency_ms: {type: 'number'}},
};

function softmax(scores) {
  const most = Math.max(...scores);
  const powers = Array.from(scores, (score) => Math.exp(score - most));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

class Model {
  static async load(name, path, labels) {
    const model = new Model();
    model.name = name;
    model.labels = labels;
    model.session = await ort.InferenceSession.create(path, ONE_THREAD);
    return model;
  }

  async run(data, shape) {
    const {session} = this;
    const results = await session.run({[session.inputNames[0]]: new ort.Tensor('float32', data, shape)});
    return results[session.outputNames[0]].data;
  }

  answer(scores, began) {
    const best = scores.indexOf(Math.max(...scores));
    return {result: this.labels[best], confidence: scores[best], model: this.name, model_version: '1',
      latency_ms: Number((performance.now() - began).toFixed(3))};
  }
}

// Planes of colours, -1 to 1.
async function pixelsOf(body) {
  const bytes = await sharp(body).removeAlpha().toColourspace('srgb')
    .resize(WIDTH, HEIGHT, {fit: 'fill', kernel: 'linear', fastShrinkOnLoad: false}).raw().toBuffer();
  const plane = WIDTH * HEIGHT;
  const pixels = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++)
    for (let channel = 0; channel < 3; channel++)
      pixels[channel * plane + i] = (bytes[3 * i + channel] / 255 - 0.5) / 0.5;
  return pixels;
}

function unprocessable(message) {
  return Object.assign(new Error(message), {statusCode: 422});
}

async function main() {
  sharp.concurrency(1);
  const mlp = await Model.load('mlp', process.env.PEER_MLP, ['setosa', 'versicolor', 'virginica']);
  const orientation = await Model.load('text-orientation', process.env.PEER_ORIENTATION, ['0', '180']);
  await orientation.run(new Float32Array(3 * HEIGHT * WIDTH), [1, 3, HEIGHT, WIDTH]);

  // What does not fit is refused, not bent until it does.
  const app = fastify({logger: false, keepAliveTimeout: 75000,
    ajv: {customOptions: {coerceTypes: false, removeAdditional: false, useDefaults: false}}});
  app.addContentTypeParser(/^image\//, {parseAs: 'buffer'}, (request, body, done) => done(null, body));

  app.get('/livez', async () => ({status: 'ok'}));
  app.post('/v1/classify', {schema: {body: CLASSIFY, response: {200: ANSWER}}}, async (request) => {
    const began = performance.now();
    const [{data, shape}] = request.body.inputs;
    if (shape[0] * shape[1] !== data.length)
      throw unprocessable('shape and data differ');
    return mlp.answer(softmax(await mlp.run(Float32Array.from(data), shape)), began);
  });
  app.post('/v1/text-orientation', {schema: {response: {200: ANSWER}}}, async (request) => {
    const began = performance.now();
    let pixels;
    try {
      pixels = await pixelsOf(request.body);
    } catch (error) {
      throw unprocessable(error.message);
    }
    return orientation.answer(await orientation.run(pixels, [1, 3, HEIGHT, WIDTH]), began);
  });
  app.post('/debug/pauses', async () => {
    pauses.start();
    return {status: 'ok'};
  });
  app.get('/debug/pauses', async () => pauses.told());
  await app.listen({host: '127.0.0.1', port: Number(process.env.PEER_PORT)});
}

main();
