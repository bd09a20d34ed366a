// Rooms of Socket.IO on Node. POST /write tells it what to send, to whom and how fast.
"use strict";
const http = require("http");
const { Server } = require("socket.io");

const now = () => (performance.timeOrigin + performance.now()) / 1000;
const server = http.createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  response.end(JSON.stringify(await write(JSON.parse(body))));
});
const io = new Server(server, { transports: ["websocket"], pingInterval: 600000 });
io.on("connection", (socket) => {
  socket.on("follow", (stream, done) => {
    socket.join(stream);
    done();
  });
});

function event(stream, seq, due, size) {
  const message = `at=${Math.round(due * 1e6)} `.padEnd(size, "x");
  return { v: 1, event: "progress", data: { seq, entity_id: stream, channel: "research", stage: "emit", message } };
}

async function write({ streams, events, batch, rate, size }) {
  const first = now();
  let written = 0;
  let due = first;
  for (let start = 1; start <= events; start += batch) {
    for (const stream of streams) {
      due = rate ? first + written / rate : now();
      const early = due - now();
      await new Promise((go) => (early > 0.001 ? setTimeout(go, early * 1000) : setImmediate(go)));
      const end = Math.min(start + batch, events + 1);
      for (let seq = start; seq < end; seq += 1) io.to(stream).emit("event", event(stream, seq, due, size));
      written += end - start;
    }
  }
  const last = now();
  return { events: written, first, last, behind: last - due };
}

server.listen(0, "127.0.0.1", () => console.log(`Listening on http://127.0.0.1:${server.address().port}`));
