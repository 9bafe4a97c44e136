// HTTP/2. Its flow control holds a client back, so plain Node leaves little unread and loses little: the table shows
// it.
import { CLEAR_HTTP2_CLIENT, HTTP2_CLIENT } from '../support/clients.ts';
import { serve, testUploads } from '../support/upload-tests.ts';

testUploads([HTTP2_CLIENT], [{ name: 'HTTP/2 over TLS', open: (closing) => serve('http2', closing) }]);
testUploads([CLEAR_HTTP2_CLIENT], [{ name: 'HTTP/2 in clear', open: (closing) => serve('http2-clear', closing) }]);
