// One row of the distance suite: the uploads of one network, to one server.
import { openDistance } from '../../lab/distance.mjs';
import { readsWhileItSends, startParty, upload } from './parties.mjs';

/**
 * @returns `answers` and `uploads`, for clients that write everything first (`writers`) and for the others (`readers`);
 * `failures`: how the rest ended; `outcomes` of the lingers; `delivered`: how many reports of uploads by a raw client
 * said the truth, and how many did not
 */
export async function measure(row, server) {
  const { network: options, uploads, bytes, protocol, cutAfter } = row;
  const lines = uploads.reduce((sum, [, count]) => sum + count, 0);
  const network = await openDistance({ ...options, lines });
  try {
    const party = await startParty(network, { server, protocol, options: row.options });
    let line = 0;
    // The first client that tells cuts the network for all.
    let waits = cutAfter !== undefined;
    const begun = () => {
      if (waits) setTimeout(network.cut, cutAfter * 1_000);
      waits = false;
    };
    const running = uploads.map(async ([client, count]) => {
      const addresses = Array.from({ length: count }, () => network.address(line++));
      return { client, ...(await upload(network, { client, protocol, port: party.port, bytes, addresses, begun })) };
    });
    const ended = await Promise.all(running);
    const ends = await allEnds(party);
    await party.stop();
    return summary(ended, ends);
  } finally {
    await network.close();
  }
}

/** The clients are done; the last lingers end a round trip later, or by a time limit. */
async function allEnds(party) {
  let before = -1;
  for (;;) {
    const ends = await party.ends();
    if (ends.length === before) return ends;
    before = ends.length;
    await sleep(1_500);
  }
}

function summary(ended, ends) {
  const result = { writers: [0, 0], readers: [0, 0], failures: {}, outcomes: {}, delivered: { right: 0, wrong: [] } };
  for (const { client, results, ports, held } of ended) {
    const group = result[readsWhileItSends(client) ? 'readers' : 'writers'];
    group[1] += results.length;
    for (const [i, how] of results.entries()) {
      if (how === 'answer') group[0]++;
      else result.failures[how] = (result.failures[how] ?? 0) + 1;
      const report = ends.find(({ remotePort }) => remotePort === ports?.[i]);
      if (client !== 'raw' || !report || report.delivered === null) continue;
      // Not delivered means: not acknowledged when the linger ended. The client may have got it later.
      const right = report.delivered ? held[i] : report.unackedBytes !== 0;
      if (right) result.delivered.right++;
      else result.delivered.wrong.push({ how, held: held[i], report });
    }
  }
  for (const { outcome } of ends) result.outcomes[outcome] = (result.outcomes[outcome] ?? 0) + 1;
  return result;
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
