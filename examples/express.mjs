// Express: uploads over 1 MB are refused without being read.
import express from 'express';
import { lingerOnClose } from 'lingering-close';

const LIMIT = 1_000_000;
const app = express();

// In front of the body parser, which reads a body to its end before it says that it was too long.
app.use((request, response, next) => {
  if (!(Number(request.get('Content-Length')) > LIMIT)) return next();
  response.set('Connection', 'close').status(413).type('text').send(`At most ${LIMIT} bytes, please.\n`);
});

// Its own limit is for bodies that come in chunks, and do not say how long they are.
app.use(express.raw({ type: () => true, limit: LIMIT }));

app.post('/', (request, response) => {
  response.type('text').send(`${request.body?.length ?? 0} bytes received.\n`);
});

const server = app.listen(process.env.PORT ?? 8080, (error) => {
  if (error) throw error;
  console.log(`http://localhost:${server.address().port}/`);
});

lingerOnClose(server);
