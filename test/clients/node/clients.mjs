// Clients for Node.js. Each uploads a body (see bodies.mjs), and tells what it got: the status, and the length of the
// page. `lacks`: bodies that the client has no way to send.
import http from 'node:http';
import https from 'node:https';
import { pipeline } from 'node:stream/promises';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import axios from 'axios';
import got from 'got';
import nodeFetch from 'node-fetch';
import superagent from 'superagent';
import { request as undiciRequest } from 'undici';
import { httpsAgent } from './agents.mjs';
import { headersOf } from './bodies.mjs';

const told = (status, body) => `${status} ${Buffer.byteLength(body)}`;

async function textOf(readable) {
  let text = '';
  for await (const chunk of readable.setEncoding('latin1')) text += chunk;
  return text;
}

/** By http.request or https.request, as their users do it: pipe() for a stream, end() for a buffer. */
export function uploadByModule(url, body, options = {}) {
  const { request } = url.startsWith('https:') ? https : http;
  return new Promise((resolve, reject) => {
    const upload = request(url, { method: 'POST', headers: headersOf(body), ...options }, (response) =>
      textOf(response).then((text) => resolve(told(response.statusCode, text)), reject),
    );
    upload.on('error', reject);
    // With write() the length is unknown when the head is sent.
    if (!Buffer.isBuffer(body.data)) body.data.pipe(upload);
    else if (body.length) upload.end(body.data);
    else {
      upload.write(body.data);
      upload.end();
    }
  });
}

/** The same by pipeline(), which rejects when an answer has come first. The answer counts. */
async function uploadByPipeline(url, body) {
  const { request } = url.startsWith('https:') ? https : http;
  const upload = request(url, { method: 'POST', headers: headersOf(body) });
  const answer = new Promise((resolve, reject) => {
    upload.on('response', (response) =>
      textOf(response).then((text) => resolve(told(response.statusCode, text)), reject),
    );
    upload.on('error', reject);
  });
  const [, { value, reason }] = await Promise.allSettled([pipeline(body.data, upload), answer]);
  if (reason) throw reason;
  return value;
}

export const CLIENTS = {
  'http.request': { upload: uploadByModule },
  'http.request, pipeline()': { lacks: ['length-buffer', 'chunked-buffer'], upload: uploadByPipeline },
  fetch: {
    lacks: ['length-stream', 'chunked-buffer'],
    async upload(url, { data }) {
      const response = await fetch(url, { method: 'POST', body: data, duplex: 'half' });
      return told(response.status, await response.text());
    },
  },
  'undici.request': {
    lacks: ['chunked-buffer'],
    async upload(url, body) {
      const options = { method: 'POST', headers: headersOf(body), body: body.data };
      const response = await undiciRequest(url, options);
      return told(response.statusCode, await response.body.text());
    },
  },
  axios: {
    lacks: ['chunked-buffer'],
    async upload(url, body) {
      // By default axios refuses a body of this size, and treats a 413 as an error. To follow redirects it keeps the
      // body, up to maxBodyLength.
      const options = { maxBodyLength: Infinity, validateStatus: null, proxy: false, headers: headersOf(body) };
      const response = await axios.post(url, body.data, options);
      return told(response.status, response.data);
    },
  },
  got: {
    lacks: ['chunked-buffer'],
    async upload(url, body) {
      const options = { body: body.data, headers: headersOf(body), throwHttpErrors: false, retry: { limit: 0 } };
      const response = await got.post(url, options);
      return told(response.statusCode, response.body);
    },
  },
  'node-fetch': {
    lacks: ['chunked-buffer'],
    async upload(url, body) {
      const response = await nodeFetch(url, { method: 'POST', body: body.data, headers: headersOf(body) });
      return told(response.status, await response.text());
    },
  },
  superagent: {
    // It looks at no answer before a stream that is piped into it has ended, whoever the server is.
    lacks: ['length-stream', 'chunked-buffer', 'chunked-stream'],
    async upload(url, { data }) {
      const request = superagent
        .post(url)
        .ok(() => true)
        .type('application/octet-stream')
        .agent(url.startsWith('https:') ? httpsAgent : undefined);
      const response = await request.send(data);
      return told(response.status, response.text ?? response.body);
    },
  },
  '@smithy/node-http-handler': {
    lacks: ['chunked-buffer'],
    async upload(url, body) {
      const { protocol, hostname, port } = new URL(url);
      const headers = { host: `${hostname}:${port}`, ...headersOf(body) };
      const request = { protocol, hostname, port: Number(port), method: 'POST', path: '/', headers, body: body.data };
      const { response } = await smithy.handle(request);
      return told(response.statusCode, await textOf(response.body));
    },
  },
};

const smithy = new NodeHttpHandler({ httpsAgent });
