// HTTP/2: the server answers, and does not read the request. Node resets the stream right behind the answer, and curl
// takes that for a failure where it reads both at once.
import { CHROMIUM, CLEAR_HTTP2_CLIENTS, HTTP2_CLIENTS } from '../support/clients.ts';
import { serve, testUploads } from '../support/upload-tests.ts';

testUploads([...HTTP2_CLIENTS, CHROMIUM], [{ name: 'HTTP/2 over TLS', open: (closing) => serve('http2', closing) }]);
testUploads(CLEAR_HTTP2_CLIENTS, [{ name: 'HTTP/2 in clear', open: (closing) => serve('http2-clear', closing) }]);
