// What the distance suite tries: networks, with the uploads that go over them. Clients that write everything before
// they read need a lingering close; the others are there to show that they lose nothing by it.

const WRITERS = ['raw', 'http.client', 'wget'];
const READERS = ['curl', 'fetch', 'http.request'];
const each = (clients, count) => clients.map((client) => [client, count]);

/** `network`: the options of lab/native/distance.c. `uploads`: clients, and how many uploads of each, all at once. */
export const FULL = [
  {
    name: '50 MB; 150 ms, 5 Mbit/s',
    network: { rtt: 150, up: 5 },
    bytes: 50e6,
    uploads: each(WRITERS, 5),
  },
  {
    name: '5 MB; 150 ms, 20 Mbit/s, 1 % loss',
    network: { rtt: 150, up: 20, loss: 1 },
    bytes: 5e6,
    uploads: each(WRITERS, 10),
  },
  {
    name: '100 MB; 2 ms, 100 Mbit/s',
    network: { rtt: 2, up: 100 },
    bytes: 100e6,
    uploads: [...each(WRITERS, 1), ...each(READERS, 1)],
  },
  {
    name: '10 MB; 20 ms, 50 Mbit/s',
    network: { rtt: 20, up: 50 },
    bytes: 10e6,
    uploads: [...each(WRITERS, 5), ...each(READERS, 5)],
  },
  {
    name: '10 MB; 80 ms, 20 Mbit/s, 0.1 % loss',
    network: { rtt: 80, up: 20, loss: 0.1 },
    bytes: 10e6,
    uploads: [...each(WRITERS, 5), ...each(READERS, 5)],
  },
  {
    name: '10 MB over https; 80 ms, 20 Mbit/s',
    network: { rtt: 80, up: 20 },
    protocol: 'https',
    bytes: 10e6,
    uploads: [...each(WRITERS, 5), ...each(READERS, 5)],
  },
  {
    name: '10 MB over HTTP/2; 80 ms, 20 Mbit/s',
    network: { rtt: 80, up: 20 },
    protocol: 'http2',
    bytes: 10e6,
    uploads: [['curl', 10]],
  },
  {
    name: '5 MB; 400 ms, 10 Mbit/s, 0.5 % loss, bbr',
    network: { rtt: 400, up: 10, loss: 0.5, congestion: 'bbr' },
    bytes: 5e6,
    uploads: [...each(WRITERS, 5), ...each(READERS, 5)],
  },
  {
    name: '1 MB; 300 ms, 1 Mbit/s, 3 % loss',
    network: { rtt: 300, up: 1, loss: 3 },
    bytes: 1e6,
    uploads: [...each(WRITERS, 5), ...each(READERS, 5)],
  },
  {
    name: '5 MB, with a timeout of 2 s and `minRate: Infinity`; 80 ms, 10 Mbit/s',
    network: { rtt: 80, up: 10 },
    options: { timeout: 2_000, minRate: 0 },
    expected: { ours: 'cut', nginx: 'cut' },
    bytes: 5e6,
    uploads: each(WRITERS, 5),
  },
  {
    name: '10 MB, and after 2 s an outage of 5 s; 80 ms, 10 Mbit/s',
    network: { rtt: 80, up: 10, 'cut-for': 5 },
    cutAfter: 2,
    bytes: 10e6,
    uploads: each(WRITERS, 5),
  },
];

/** The same kinds, in less than a minute: `timeout` is a tenth, and so are the uploads. */
export const SHORT = [
  {
    name: '5 MB; 150 ms, 5 Mbit/s; timeout 3 s',
    network: { rtt: 150, up: 5 },
    bytes: 5e6,
    options: { timeout: 3_000 },
    uploads: each(WRITERS, 2),
  },
  {
    name: '500 KB; 150 ms, 20 Mbit/s, 1 % loss; timeout 3 s',
    network: { rtt: 150, up: 20, loss: 1 },
    bytes: 5e5,
    options: { timeout: 3_000 },
    uploads: [...each(WRITERS, 4), ...each(READERS, 1)],
  },
  {
    name: '5 MB over https; 80 ms, 20 Mbit/s',
    network: { rtt: 80, up: 20 },
    protocol: 'https',
    bytes: 5e6,
    uploads: [...each(WRITERS, 1), ...each(READERS, 1)],
  },
  {
    name: '5 MB over HTTP/2; 80 ms, 20 Mbit/s',
    network: { rtt: 80, up: 20 },
    protocol: 'http2',
    bytes: 5e6,
    uploads: [['curl', 3]],
  },
  {
    name: '2 MB, with a timeout of 1 s and `minRate: Infinity`; 80 ms, 4 Mbit/s',
    network: { rtt: 80, up: 4 },
    options: { timeout: 1_000, minRate: 0 },
    expected: { ours: 'cut', nginx: 'cut' },
    bytes: 2e6,
    uploads: each(WRITERS, 2),
  },
  {
    name: '5 MB, and after 1 s an outage of 5 s; 80 ms, 10 Mbit/s',
    network: { rtt: 80, up: 10, 'cut-for': 5 },
    cutAfter: 1,
    bytes: 5e6,
    uploads: each(WRITERS, 2),
  },
];

/** Clients that use their connection again and again, while the server is closed. `pause`: see keep-alive.py. */
export const SHUTDOWNS = [0, 0.1, 1, 3].map((pause) => ({
  name: pause === 0 ? 'ask again at once' : `pause for up to ${pause} s`,
  rtt: 400,
  clients: 60,
  pause,
}));

/** `sure`: whether no client may lose a request. */
export const CLOSES = [
  { name: 'server.close()', options: 'plain' },
  { name: 'closeServer', options: {}, sure: ({ pause }) => pause <= 0.1 },
  { name: 'closeServer, drainDelay 4 s', options: { drainDelay: 4_000 }, sure: () => true },
];
