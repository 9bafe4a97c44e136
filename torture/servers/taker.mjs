// Takes the sockets that its parent sends, and closes them.
process.on('message', (_message, socket) => {
  socket?.on('error', () => {}).destroy();
  process.send('taken');
});
