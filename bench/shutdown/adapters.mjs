// The ways to shut a server down, each as its documentation shows it, and each with the same time for requests in
// flight.
// `prepare` is called when the server is made. The function that it returns is called on SIGTERM; when it has settled,
// the process exits. Those that return nothing listen to the signal, and end the process, themselves.

/** `title`: the name in the table. `drains`: whether the way can first go on listening for a while. */
export const ADAPTERS = {
  node: { title: 'Node.js alone: `close()`, `closeIdleConnections()`', drains: false, prepare: prepareNode },
  stoppable: { title: 'stoppable', drains: false, prepare: prepareStoppable },
  'http-terminator': { title: 'http-terminator', drains: false, prepare: prepareHttpTerminator },
  'lil-http-terminator': { title: 'lil-http-terminator', drains: false, prepare: prepareLilHttpTerminator },
  'http-graceful-shutdown': { title: 'http-graceful-shutdown', drains: true, prepare: prepareHttpGracefulShutdown },
  terminus: { title: '@godaddy/terminus', drains: true, prepare: prepareTerminus },
  lightship: { title: 'lightship', drains: true, prepare: prepareLightship },
  'lingering-close': { title: 'lingering-close', drains: true, prepare: prepareLingeringClose },
};

async function prepareNode(server, { grace }) {
  return () =>
    new Promise((resolve) => {
      server.close(resolve);
      // Not with HTTP/2.
      server.closeIdleConnections?.();
      setTimeout(() => (server.closeAllConnections ? server.closeAllConnections() : resolve()), grace).unref();
    });
}

async function prepareStoppable(server, { grace }) {
  const { default: stoppable } = await import('stoppable');
  stoppable(server, grace);
  return () => new Promise((resolve) => server.stop(resolve));
}

async function prepareHttpTerminator(server, { grace }) {
  const { createHttpTerminator } = await import('http-terminator');
  const terminator = createHttpTerminator({ server, gracefulTerminationTimeout: grace });
  return () => terminator.terminate();
}

async function prepareLilHttpTerminator(server, { grace }) {
  const { default: createTerminator } = await import('lil-http-terminator');
  const terminator = createTerminator({ server, gracefulTerminationTimeout: grace, maxWaitTimeout: 2 * grace });
  return () => terminator.terminate();
}

async function prepareHttpGracefulShutdown(server, { grace, drainDelay }) {
  const { default: gracefulShutdown } = await import('http-graceful-shutdown');
  const preShutdown = () => new Promise((resolve) => setTimeout(resolve, drainDelay));
  return gracefulShutdown(server, {
    timeout: grace,
    signals: '',
    forceExit: false,
    ...(drainDelay > 0 && { preShutdown }),
  });
}

async function prepareTerminus(server, { grace, drainDelay }) {
  const { createTerminus } = await import('@godaddy/terminus');
  const beforeShutdown = () => new Promise((resolve) => setTimeout(resolve, drainDelay));
  createTerminus(server, { timeout: grace, useExit0: true, ...(drainDelay > 0 && { beforeShutdown }) });
}

// Its README calls server.close() without waiting; then the process would be ended a second later.
async function prepareLightship(server, { grace, drainDelay }) {
  const { createLightship } = await import('lightship');
  const lightship = await createLightship({ shutdownDelay: drainDelay, shutdownHandlerTimeout: grace });
  lightship.registerShutdownHandler(() => new Promise((resolve) => server.close(resolve)));
  lightship.signalReady();
}

async function prepareLingeringClose(server, { grace, drainDelay }) {
  const { closeServer, lingerOnClose } = await import('lingering-close');
  lingerOnClose(server);
  return () => closeServer(server, { timeout: grace, drainDelay });
}
