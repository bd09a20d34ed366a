// Follow one stream with the JavaScript client and print a line of JSON for every event and, when it
// throws, for the error. What to do comes as JSON: url, entityId, transport, cursor, verify, timing,
// device (sign in as that device; otherwise tokens are made up) and idea (start that job first).
import { Client, History, anonymous } from "../../clients/javascript/manticscore.js";

const how = JSON.parse(process.argv[2]);
let given = 0;
const madeUp = async () => ({ text: `token-${++given}`, expiresIn: given === 1 ? (how.life ?? 1.8e6) : 1.8e6 });

const client = new Client(how.url, how.device ? anonymous(how.device) : madeUp, { timing: how.timing });
const print = (line) => console.log(JSON.stringify(line));

async function* overSocket(entityId, history) {
  const socket = client.socket();
  socket.subscribeMany([{ entityId, channel: "research", history }, ...(how.also ?? []).map(other)]);
  for await (const event of socket) {
    yield event;
    if (history.ended) return;
  }
}

const other = ({ entityId, channel, cursor }) => ({ entityId, channel, history: new History(cursor) });

try {
  const entityId = how.idea ? await client.startResearch(how.idea) : how.entityId;
  const history = new History(how.cursor ?? 0, { verify: how.verify });
  const events =
    how.transport === "socket"
      ? overSocket(entityId, history)
      : client.events(`/research/${entityId}/events`, { history });
  for await (const { type, seq, raw } of events) print({ type, seq, raw });
  if (how.idea) print({ artifact: (await client.get(`/research/${entityId}`)).artifact_hash });
} catch (error) {
  print({ error: error.name, message: error.message });
}
