/**
 * Client of the ManticScore API for browsers and Node, without dependencies.
 *
 *   const client = new Client("https://api.example.com", anonymous("my-device"));
 *   const jobId = await client.startResearch("a recipe box for families");
 *   for await (const event of client.events(`/research/${jobId}/events`, { verify: true })) {
 *     console.log(event.seq, event.type, event.data);
 *   }
 *
 * Times are in milliseconds. `fetch` and `WebSocket` are the platform's; Node before 22 has no
 * WebSocket of its own, so there one is passed as `options.WebSocket`.
 *
 * @typedef {{ raw: string, type: string, data: Record<string, any>, seq: number | null, entityId: string,
 *             endsStream: boolean }} Event
 * @typedef {{ text: string, expiresIn: number }} Token
 * @typedef {(transport: Transport) => Promise<Token>} SignIn
 * @typedef {{ entityId: string, channel: string, history: History }} Subscription
 */

/** How long to wait for what; every one can be changed by `options.timing`. */
export const TIMING = Object.freeze({
  /** An NDJSON stream that is silent for so long is dead: its server gives a sign of life every 15 s. */
  streamSilence: 45_000,
  /** A WebSocket that is silent for so long is dead: its server gives a sign of life every 30 s. */
  socketSilence: 75_000,
  /** Between our own signs of life on a WebSocket; after 90 s without one the server hangs up. */
  keepalive: 30_000,
  answer: 30_000,
  /** Before the first attempt to come back. Doubled with every further one, and jittered. */
  firstWait: 500,
  longestWait: 30_000,
  /** For so long nothing may come through before ConnectionLost is thrown. */
  patience: 300_000,
  /** A session is renewed so long before it expires, or at half of its life if that is later. */
  renewAhead: 300_000,
});

const CODES_OF_SESSION = [4001, 4002];
const REPLACED = 4003;
const SUBPROTOCOL = "manticscore.v1";
const BATCH = 100; // subscriptions in one frame
const LONGEST_TIMER = 2 ** 31 - 1; // what setTimeout takes

// Frames without a number that are of interest to the caller. Everything else of that kind is the
// connection's own affair, or of a kind that did not exist when this was written.
// Errors after which the server does not serve a subscription; others are about something else.
const REFUSED = new Set([
  "NOT_FOUND",
  "UNKNOWN_CHANNEL",
  "INVALID_ENTITY",
  "INVALID_CURSOR",
  "TOO_MANY_SUBSCRIPTIONS",
]);
const SHOWN = new Set(["catchup", "subscribed", "reset", "lagging", "error", "done"]);

// --- Errors ------------------------------------------------------------------------------------------

/** Base of everything this module throws on purpose. */
export class ClientError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** An error answer. The message has the server's `detail`. */
export class ApiError extends ClientError {
  constructor(status, detail, { retryAfter = 0, requestId = "" } = {}) {
    super(`${status}: ${detail}`);
    Object.assign(this, { status, detail, retryAfter, requestId });
  }

  /** Whether the same request may succeed later. */
  get mayPass() {
    return this.status === 429 || this.status >= 500;
  }
}

/** The session is over and could not be renewed. */
export class Unauthorized extends ApiError {}

/** It does not exist, or is somebody else's: the two look the same. */
export class NotFound extends ApiError {}

/** Too many requests, or the server is starting, stopping or without its database. */
export class TryLater extends ApiError {}

/** Nothing came through for as long as the client is patient, or a connection broke off. */
export class ConnectionLost extends ClientError {}

/** The server closed the WebSocket with a code after which coming back is of no use. */
export class SocketClosed extends ClientError {
  constructor(code, reason = "") {
    super(`the WebSocket was closed with ${code}${reason && `: ${reason}`}`);
    this.code = code;
  }
}

/** The same user opened another WebSocket. Coming back would evict that one in turn, for ever. */
export class Replaced extends SocketClosed {}

/** Events of a stream were lost, doubled or altered on their way. */
export class HistoryBroken extends ClientError {
  constructor(message, entityId = "") {
    super(message);
    this.entityId = entityId;
  }
}

/** A stream ended, but its beginning was not received here or its end carries no proof. */
export class Unverifiable extends HistoryBroken {}

const BY_STATUS = { 401: Unauthorized, 404: NotFound, 429: TryLater, 503: TryLater };

// --- Events and histories ------------------------------------------------------------------------

/** @returns {Event} */
export function parseEvent(raw) {
  let envelope;
  try {
    envelope = JSON.parse(raw);
  } catch {
    envelope = null;
  }
  if (typeof envelope?.event !== "string" || typeof envelope.data !== "object" || envelope.data === null) {
    throw new HistoryBroken(`not an event: ${raw.slice(0, 80)}`);
  }
  const { event: type, data } = envelope;
  const seq = Number.isInteger(data.seq) ? data.seq : null;
  // A project's stream has the ends of its jobs in it, and goes on.
  const endsStream = type === "done" && data.channel !== "project";
  return { raw, type, data, seq, entityId: String(data.entity_id ?? ""), endsStream };
}

/**
 * The position in one stream. `cursor` is the number of the last event received.
 *
 * Every event must carry the number after the one before. With `verify` the `done` at the end must also
 * agree with all that came: its count and a digest of every line, which proves that nothing was lost or
 * altered from the first event of the run on. Their text is kept in memory until then.
 */
export class History {
  #verify;
  #expectsAny = false;
  #first = null;
  #lines = [];

  constructor(cursor = 0, { verify = false } = {}) {
    this.cursor = cursor;
    this.ended = false;
    this.#verify = verify;
  }

  /** Note an event; true when it belongs to the stream's story. Throws HistoryBroken. */
  async take(/** @type {Event} */ event) {
    if (event.seq !== null) {
      await this.#numbered(event, event.seq);
      return true;
    }
    if (event.type === "reset") {
      this.#restart();
      return true;
    }
    // Without a number it is the answer to a cursor that had nothing left to read.
    this.ended ||= event.endsStream;
    return event.endsStream;
  }

  async #numbered(event, seq) {
    if (seq !== this.cursor + 1 && !this.#expectsAny) {
      throw new HistoryBroken(`event ${seq} came after event ${this.cursor}`, event.entityId);
    }
    this.#expectsAny = false;
    this.#first ??= seq;
    if (event.endsStream && this.#verify) await this.#prove(event, seq);
    this.cursor = seq;
    this.ended = event.endsStream;
    if (event.endsStream) {
      this.#beginRun(); // a job that is tried again goes on after its `done`
    } else if (this.#verify) {
      this.#lines.push(event.raw, "\n");
    }
  }

  #restart() {
    this.cursor = 0;
    this.ended = false;
    this.#expectsAny = true;
    this.#beginRun();
  }

  #beginRun() {
    this.#first = null;
    this.#lines = [];
  }

  async #prove(done, seq) {
    const told = done.data;
    if (!("digest" in told)) {
      throw new Unverifiable(`the end of the stream, event ${seq}, carries no digest`, done.entityId);
    }
    if (this.#first !== told.first_seq) {
      const what = `the stream begins with event ${told.first_seq}, this history with ${this.#first}`;
      throw new Unverifiable(what, done.entityId);
    }
    const digest = await sha256(this.#lines.join(""));
    const received = { last_seq: seq - 1, count: seq - this.#first, digest };
    for (const [name, value] of Object.entries(received)) {
      if (told[name] !== value) {
        throw new HistoryBroken(`the stream's ${name} is ${told[name]}, received was ${value}`, done.entityId);
      }
    }
  }
}

/** Hexadecimal. Browsers offer it to pages of a secure origin only. */
async function sha256(text) {
  const crypto = globalThis.crypto ?? (await import("node:crypto")).webcrypto;
  if (!crypto?.subtle) throw new Unverifiable("there is no SHA-256 outside of a secure origin");
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// --- Waiting ---------------------------------------------------------------------------------------

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Attempts since something last came through. */
class Backoff {
  #timing;
  #failures = 0;
  #lastSuccess = performance.now();

  constructor(timing) {
    this.#timing = timing;
  }

  /** Something came through. */
  reset() {
    this.#failures = 0;
    this.#lastSuccess = performance.now();
  }

  /** Wait before the next attempt. Half of it is chance, so that clients do not come back all at once. */
  async wait(cause, atLeast = 0) {
    const { patience, firstWait, longestWait } = this.#timing;
    if (performance.now() - this.#lastSuccess > patience) {
      throw new ConnectionLost(`gave up after ${patience / 1000} s: ${cause.message}`, { cause });
    }
    const ceiling = Math.min(longestWait, firstWait * 2 ** this.#failures);
    this.#failures += 1;
    await sleep(Math.max(atLeast, ceiling * (0.5 + Math.random() / 2)));
  }
}

// --- HTTP ----------------------------------------------------------------------------------------------

/** Requests to one server: answers become values or errors. */
export class Transport {
  constructor(url, timing, fetch) {
    this.url = url.replace(/\/+$/, "");
    this.timing = timing;
    this.fetch = fetch;
  }

  /** The answer's JSON. With `retry` the request is one that may safely be made again. */
  async call(method, path, { token = "", body, headers = {}, retry = false } = {}) {
    const backoff = new Backoff(this.timing);
    const content = body === undefined ? {} : { "Content-Type": "application/json" };
    const init = { method, headers: { ...content, ...bearer(token), ...headers }, body: JSON.stringify(body) };
    for (;;) {
      try {
        const signal = AbortSignal.timeout(this.timing.answer);
        const response = await this.fetch(this.url + path, { ...init, signal });
        await throwFor(response);
        const text = await response.text();
        return text ? JSON.parse(text) : null;
      } catch (error) {
        const final = error instanceof ApiError ? !error.mayPass : !isNetworkFailure(error);
        if (final || !retry) throw error;
        await backoff.wait(error, error.retryAfter);
      }
    }
  }

  /** The complete lines of a stream's body, as they come. Throws ConnectionLost when they break off. */
  async *lines(path, { token, cursor }) {
    const aborting = new AbortController();
    const silence = new Alarm(this.timing.streamSilence, () => aborting.abort(tooQuiet()));
    try {
      const url = `${this.url}${path}?cursor=${cursor}`;
      const response = await this.fetch(url, { headers: bearer(token), signal: aborting.signal });
      await throwFor(response);
      yield* split(response.body, silence);
    } catch (error) {
      throw isNetworkFailure(error) ? new ConnectionLost("the stream broke off", { cause: error }) : error;
    } finally {
      silence.off();
      aborting.abort();
    }
  }
}

/** What follows the last line feed was cut off in the middle, and comes again after the cursor. */
async function* split(body, silence) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    silence.again();
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop();
    yield* lines;
  }
}

const tooQuiet = () => new DOMException("silent for too long", "TimeoutError");

function isNetworkFailure(error) {
  // fetch reports a failed connection as TypeError, and what an AbortSignal did as its reason.
  return error instanceof TypeError || error?.name === "AbortError" || error?.name === "TimeoutError";
}

function bearer(token) {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

async function throwFor(response) {
  if (response.ok) return;
  let detail = response.statusText; // of a proxy in between, not of the API
  try {
    detail = String((await response.json()).detail);
  } catch {
    // not JSON
  }
  const seconds = Number(response.headers.get("Retry-After") ?? 0);
  const kind = BY_STATUS[response.status] ?? ApiError;
  throw new kind(response.status, detail, {
    retryAfter: Number.isFinite(seconds) ? seconds * 1000 : 0,
    requestId: response.headers.get("X-Request-ID") ?? "",
  });
}

/** Calls `ring` when `again` has not been called for so long. */
class Alarm {
  #timer;
  #ring;
  #after;

  constructor(after, ring) {
    this.#after = after;
    this.#ring = ring;
    this.again();
  }

  again() {
    this.off();
    this.#timer = setTimeout(this.#ring, this.#after);
  }

  off() {
    clearTimeout(this.#timer);
  }
}

// --- Sessions --------------------------------------------------------------------------------------

const asToken = ({ token, expires_in }) => ({ text: token, expiresIn: expires_in * 1000 });

/** Sessions of a device on which nobody signed in. The same id means the same work, later too.
 * @returns {SignIn} */
export function anonymous(deviceId) {
  return async (transport) =>
    asToken(await transport.call("POST", "/auth/anonymous", { body: { device_id: deviceId }, retry: true }));
}

/** Sessions of a signed-in user. `jwt` is asked for a fresh Clerk JWT whenever one is needed.
 * @param {() => Promise<string>} jwt
 * @returns {SignIn} */
export function fromJwt(jwt) {
  return async (transport) =>
    asToken(await transport.call("POST", "/auth/session", { token: await jwt(), retry: true }));
}

/** A token from elsewhere. When it expires there is no other, and Unauthorized is thrown.
 * @returns {SignIn} */
export function fixed(token) {
  let given = false;
  return async () => {
    if (given) throw new Unauthorized(401, "the session token is over and there is no way to get another");
    given = true;
    return { text: token, expiresIn: Infinity };
  };
}

/** The current token. Many may ask at once; one of them renews it for all. */
export class Session {
  #transport;
  #signIn;
  #token = null;
  #renewAt = 0;
  #renewing = null;

  constructor(transport, signIn) {
    this.#transport = transport;
    this.#signIn = signIn;
  }

  /** Milliseconds until the token should be renewed. */
  get dueIn() {
    return this.#renewAt - performance.now();
  }

  /** A token that is good for a while. */
  async token() {
    if (this.#token === null || this.dueIn <= 0) await this.#renew();
    return this.#token.text;
  }

  /** Another token than the one that the server just refused. */
  async insteadOf(refused) {
    if (this.#token === null || this.#token.text === refused) await this.#renew();
    return this.#token.text;
  }

  async #renew() {
    this.#renewing ??= this.#signInAgain().finally(() => (this.#renewing = null));
    await this.#renewing;
  }

  async #signInAgain() {
    const askedAt = performance.now();
    this.#token = await this.#signIn(this.#transport);
    const life = this.#token.expiresIn;
    this.#renewAt = askedAt + Math.max(life / 2, life - this.#transport.timing.renewAhead);
  }
}

// --- The client ------------------------------------------------------------------------------------

/** The API of one server, for one user. `signIn` is `anonymous(id)`, `fromJwt(callable)` or `fixed(token)`. */
export class Client {
  #transport;
  #WebSocket;

  /**
   * @param {string} url
   * @param {SignIn} signIn
   * @param {{ timing?: Partial<typeof TIMING>, fetch?: typeof fetch, WebSocket?: any }} [options]
   */
  constructor(url, signIn, options = {}) {
    const fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.#transport = new Transport(url, { ...TIMING, ...options.timing }, fetch);
    this.#WebSocket = options.WebSocket ?? globalThis.WebSocket;
    this.session = new Session(this.#transport, signIn);
  }

  /** The JSON of any GET route. Made again while the server is away. */
  async get(path) {
    return this.#call("GET", path, { retry: true });
  }

  /** POST. Only with an idempotency key it is made again when no answer came. */
  async post(path, body, { idempotencyKey = "" } = {}) {
    const headers = idempotencyKey ? { "Idempotency-Key": idempotencyKey } : {};
    return this.#call("POST", path, { body, headers, retry: Boolean(idempotencyKey) });
  }

  /** Start a research job; returns its id. However often the request is made, it is one job. */
  async startResearch(idea, fields = {}) {
    const answer = await this.post("/research", { idea, ...fields }, { idempotencyKey: randomKey() });
    return answer.job_id;
  }

  /**
   * The events of a stream, as `/research/{id}/events`, after `cursor`, to its end, across any number of
   * connections. With `verify` the end must prove that everything came, which takes a cursor of 0. A
   * `history` instead of the two goes on where an earlier call with it left off.
   * @returns {AsyncGenerator<Event>}
   */
  async *events(path, { cursor = 0, verify = false, history = new History(cursor, { verify }) } = {}) {
    const backoff = new Backoff(this.#transport.timing);
    let token = await this.session.token();
    let renewed = false;
    for (;;) {
      try {
        for await (const line of this.#transport.lines(path, { token, cursor: history.cursor })) {
          renewed = false;
          backoff.reset();
          const event = parseEvent(line);
          if (await history.take(event)) yield event;
        }
        // `done` alone does not end it: a job that was tried again goes on after the first one.
        if (history.ended) return;
        throw new ConnectionLost("the server ended the response before the stream");
      } catch (error) {
        if (error instanceof Unauthorized && !renewed) {
          token = await this.session.insteadOf(token);
          renewed = true;
          continue;
        }
        const passes = error instanceof ConnectionLost || (error instanceof ApiError && error.mayPass);
        if (!passes) throw error;
        if (history.ended) return; // cut off after the last line
        await backoff.wait(error, error.retryAfter);
        token = await this.session.token();
      }
    }
  }

  /** A WebSocket. A user has one at a time: opening another one replaces it. */
  socket() {
    if (!this.#WebSocket) throw new ClientError("there is no WebSocket here: pass a class as options.WebSocket");
    return new Socket(this.#transport.url, this.session, this.#transport.timing, this.#WebSocket);
  }

  async #call(method, path, options) {
    const token = await this.session.token();
    try {
      return await this.#transport.call(method, path, { token, ...options });
    } catch (error) {
      if (!(error instanceof Unauthorized)) throw error;
      return this.#transport.call(method, path, { token: await this.session.insteadOf(token), ...options });
    }
  }
}

/** Random enough to tell two requests apart, also where there is no randomUUID. */
function randomKey() {
  const part = () => Math.random().toString(36).slice(2);
  return globalThis.crypto?.randomUUID?.() ?? `${Date.now()}-${part()}${part()}`;
}

// --- WebSocket -------------------------------------------------------------------------------------

/**
 * Events of many streams over one WebSocket, across any number of connections. Iterate over it to receive;
 * coming back after a lost connection is its own affair. `close()`, or leaving the loop, ends it.
 */
export class Socket {
  #url;
  #session;
  #timing;
  #WebSocket;
  #connection = null;
  /** @type {Map<string, Subscription>} */
  #subscriptions = new Map();
  #closed = false;
  #retryAfter = 0;

  /** How often it has connected. */
  connections = 0;

  constructor(url, session, timing, WebSocket) {
    this.#url = `${url.replace(/^http/, "ws")}/ws`;
    this.#session = session;
    this.#timing = timing;
    this.#WebSocket = WebSocket;
  }

  /** Follow a stream from the cursor, or go on with a history. Before connecting it is only noted. */
  subscribe(entityId, channel, { cursor = 0, verify = false, history = new History(cursor, { verify }) } = {}) {
    this.subscribeMany([{ entityId, channel, history }]);
  }

  /** Follow many streams; the server is asked in one frame. */
  subscribeMany(/** @type {Subscription[]} */ subscriptions) {
    for (const one of subscriptions) this.#subscriptions.set(one.entityId, one);
    for (const message of messages(subscriptions)) this.#send(message);
  }

  /** Events of it that are on their way already are dropped. */
  unsubscribe(entityId) {
    this.#subscriptions.delete(entityId);
    this.#send({ action: "unsubscribe", entity_id: entityId });
  }

  /** The number of the last event received of a stream. */
  cursor(entityId) {
    return this.#subscriptions.get(entityId)?.history.cursor;
  }

  close() {
    this.#closed = true;
    this.#connection?.close();
  }

  /** @returns {AsyncGenerator<Event>} */
  async *[Symbol.asyncIterator]() {
    const backoff = new Backoff(this.#timing);
    let refused = false;
    while (!this.#closed) {
      const token = await this.#session.token();
      const connection = new Connection(this.#WebSocket, this.#url, token, this.#timing);
      this.#connection = connection;
      const keeping = this.#keepAlive(connection, token);
      try {
        await connection.opened;
        this.connections += 1;
        const open = [...this.#subscriptions.values()].filter((one) => !one.history.ended);
        for (const message of messages(open)) connection.send(message);
        for await (const text of connection) {
          const event = parseEvent(text);
          if (isSuccess(event)) {
            refused = false;
            backoff.reset();
          }
          if (event.type === "error" && event.seq === null) {
            this.#retryAfter = 1000 * (event.data.retry_after ?? 0);
          }
          if (await this.#take(event)) yield event;
        }
      } finally {
        clearTimeout(keeping.timer);
        this.#connection = null;
        connection.close();
      }
      if (this.#closed) return;
      const { code, reason } = connection;
      if (CODES_OF_SESSION.includes(code) && !refused) {
        refused = true;
        await this.#session.insteadOf(token);
        continue;
      }
      throwIfFinal(code, reason);
      await backoff.wait(new ConnectionLost(`the WebSocket was closed with ${code}`), this.#retryAfter);
      this.#retryAfter = 0;
    }
  }

  /** Note an event; true when the caller should see it. */
  async #take(event) {
    const subscription = this.#subscriptions.get(event.entityId);
    if (event.seq !== null || event.type === "reset") {
      return subscription !== undefined && (await subscription.history.take(event));
    }
    if (event.type === "error" && REFUSED.has(event.data.code)) {
      this.#subscriptions.delete(event.entityId);
    } else {
      await subscription?.history.take(event);
    }
    return SHOWN.has(event.type);
  }

  #send(message) {
    this.#connection?.send(message); // lost with its connection; the next one says everything anew
  }

  /** A ping now and then, and a new token before the old one expires. */
  #keepAlive(connection, token) {
    const keeping = { timer: undefined };
    const plan = () => {
      const wait = Math.max(1000, Math.min(this.#timing.keepalive, this.#session.dueIn, LONGEST_TIMER));
      keeping.timer = setTimeout(beat, Math.min(wait, this.#timing.keepalive));
    };
    const beat = async () => {
      connection.send({ action: "ping" }); // first: a new token may take minutes
      try {
        const current = await this.#session.token();
        if (current !== token) connection.send({ action: "auth", token: current });
        token = current;
      } catch {
        // without a new token the server will say 4001
      }
      if (this.#connection === connection) plan();
    };
    plan();
    return keeping;
  }
}

/** The frames that ask for these streams: normally one. One alone takes the form that every server knows. */
function messages(subscriptions) {
  const wanted = subscriptions.map(({ entityId, channel, history }) => ({
    entity_id: entityId,
    channel,
    cursor: history.cursor,
  }));
  const batches = [];
  for (let start = 0; start < wanted.length; start += BATCH) batches.push(wanted.slice(start, start + BATCH));
  return batches.map((batch) => ({
    action: "subscribe",
    ...(batch.length === 1 ? batch[0] : { subscriptions: batch }),
  }));
}

/** Whether the server serves us. It also says why it does not, before it closes. */
const isSuccess = (event) => event.seq !== null || event.type === "connected";

function throwIfFinal(code, reason) {
  if (code === REPLACED) throw new Replaced(code, reason);
  if (CODES_OF_SESSION.includes(code)) throw new Unauthorized(401, `the WebSocket refused a new session with ${code}`);
  if (code >= 4000) throw new SocketClosed(code, reason);
}

/** One connection: the frames that came, in order, until it ends. One that is silent for too long is dead. */
class Connection {
  #socket;
  #frames = [];
  #wake = () => {};
  #over = false;
  #silence;

  code = 1006;
  reason = "";

  constructor(WebSocket, url, token, timing) {
    // A page cannot set headers, and a URL ends up in logs: the token travels as a subprotocol.
    this.#socket = new WebSocket(url, [SUBPROTOCOL, `bearer.${token}`]);
    this.#silence = new Alarm(timing.socketSilence, () => this.#end(1006, "silent"));
    this.opened = new Promise((resolve) => {
      this.#socket.onopen = resolve;
      this.#socket.onclose = (event) => {
        this.#end(event.code, event.reason);
        resolve();
      };
    });
    this.#socket.onerror = () => {}; // a close follows
    this.#socket.onmessage = (event) => {
      this.#silence.again();
      this.#frames.push(event.data);
      this.#wake();
    };
  }

  send(message) {
    if (this.#socket.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  /** Does not wait for the server's part: one that is dead would never do it. */
  close() {
    this.#end(1000, "");
    if (this.#socket.readyState < 2) this.#socket.close();
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      while (this.#frames.length) yield this.#frames.shift();
      if (this.#over) return;
      await new Promise((resolve) => (this.#wake = resolve));
    }
  }

  #end(code, reason) {
    if (this.#over) return;
    Object.assign(this, { code, reason });
    this.#over = true;
    this.#silence.off();
    this.#wake();
  }
}
