// HTTP/1.1, plain and over TLS.
import { HTTP1_CLIENTS } from '../support/clients.ts';
import { serve, testUploads } from '../support/upload-tests.ts';

testUploads(HTTP1_CLIENTS, [
  { name: 'http', open: (closing) => serve('http', closing) },
  { name: 'https', open: (closing) => serve('https', closing) },
]);
