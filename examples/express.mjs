// Express: uploads over 1 MB are refused without being read.
import express from 'express';
import { lingerOnClose } from 'lingering-close';

const LIMIT = 1_000_000;
const app = express();

// Before the body parser: the parser reads a whole body before it reports that the body is too long.
app.use((request, response, next) => {
  if (!(Number(request.get('Content-Length')) > LIMIT)) return next();
  response.set('Connection', 'close').status(413).type('text').send(`At most ${LIMIT} bytes, please.\n`);
});

// The parser's own limit is for chunked bodies, which do not state their length.
app.use(express.raw({ type: () => true, limit: LIMIT }));

app.post('/', (request, response) => {
  response.type('text').send(`${request.body?.length ?? 0} bytes received.\n`);
});

const server = app.listen(process.env.PORT ?? 8080, (error) => {
  if (error) throw error;
  console.log(`http://localhost:${server.address().port}/`);
});

lingerOnClose(server);
