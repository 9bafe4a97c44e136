// nginx as a reverse proxy before Node: no 502, and nothing in its error log.
import { nginxVersion, PROXIED_CLIENTS } from '../support/clients.ts';
import { Nginx, type ProxyOptions } from '../support/nginx.ts';
import { type Closing, serve, testUploads } from '../support/upload-tests.ts';

async function proxy(buffering: ProxyOptions['buffering'], closing: Closing) {
  const server = await serve('http', closing);
  const nginx = await Nginx.start({ upstream: server.port, buffering });
  return {
    url: nginx.url,
    complaints: () => nginx.complaints(),
    async [Symbol.asyncDispose]() {
      await nginx[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const title = ['nginx', nginxVersion].join(' ').trim();

testUploads(
  PROXIED_CLIENTS,
  (['off', 'on'] as const).map((buffering) => ({
    name: `${title}, request buffering ${buffering}`,
    open: (closing) => proxy(buffering, closing),
  })),
  nginxVersion === undefined ? 'nginx' : undefined,
);
