// HTTP/2: the server answers, and does not read the request. Node resets the stream right behind the answer, and curl
// takes that for a failure where it reads both at once.
import { CHROMIUM, CLEAR_HTTP2_CLIENTS, HTTP2_CLIENTS, nginxVersion } from '../support/clients.ts';
import { Nginx } from '../support/nginx.ts';
import { type Route, serve, testUploads } from '../support/upload-tests.ts';

const beside = (http2: 'clear' | 'tls') => (nginxVersion ? { beside: () => Nginx.start({ http2 }) } : {});

const OVER_TLS: Route = { name: 'HTTP/2 over TLS', open: (closing) => serve('http2', closing), ...beside('tls') };
const IN_CLEAR: Route = {
  name: 'HTTP/2 in clear',
  open: (closing) => serve('http2-clear', closing),
  ...beside('clear'),
};

testUploads([...HTTP2_CLIENTS, CHROMIUM], [OVER_TLS]);
testUploads(CLEAR_HTTP2_CLIENTS, [IN_CLEAR]);
