// Plain JavaScript: the decorators are called as functions.
import 'reflect-metadata';
import { Controller, Get, Module, Post, Req, Res } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { respond } from './answers.mjs';

class Answers {
  answer(request, response) {
    return respond(request, response);
  }
  upload(request, response) {
    return respond(request, response);
  }
}
Controller()(Answers);
for (const [method, route] of Object.entries({ answer: Get('/:name'), upload: Post('/upload') })) {
  route(Answers.prototype, method, Object.getOwnPropertyDescriptor(Answers.prototype, method));
  Req()(Answers.prototype, method, 0);
  Res()(Answers.prototype, method, 1);
}

class Application {
  beforeApplicationShutdown() {
    process.send({ hook: 'beforeApplicationShutdown' });
  }
}
Module({ controllers: [Answers] })(Application);

export async function start(order) {
  const app = await NestFactory.create(Application, { logger: false, bodyParser: false });
  if (order === 'own signals') app.enableShutdownHooks();
  await app.listen(0, '127.0.0.1');
  return {
    server: app.getHttpServer(),
    close: () => app.close(),
    asDocumented: (closeOnSignal) => closeOnSignal({ after: () => app.close() }),
  };
}
