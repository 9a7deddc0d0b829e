// Makes mistakes, and prints as JSON how the client is told of each.
import { Stemd } from "./stemd.mjs";

const client = await Stemd.connect();
const told = {};
const code = (promise) => promise.then(() => "none", (error) => error.code);

const usual = { rate: 8000, channels: 1, timing: "free", block: 800 };
told.plan = await code(client.open("planless", { ...usual, plan: "nothing" }));
told.field = await code(client.request("open", { stream: "x" }));

const feed = await client.open("node", usual);
told.twice = await code(client.open("node", usual));
told.stem = await code(client.subscribe("node", "nothing"));
const pending = await client.subscribe("later", "nothing");
const later = await client.open("later", usual);
told.pending = await code(pending.next());
told.gain = (await client.request("set_gain", { stream: "node", gains: { vocals: 0.5 } })).gains.vocals;

await feed.write(Buffer.from(new Float32Array(800).fill(NaN).buffer));
await feed.write(Buffer.from(new Float32Array(800).buffer));
const { position, cut } = await feed.close();
told.refused = feed.faults.map((fault) => fault.code);
told.closed = [position, cut];
told.after = await code(feed.write(Buffer.alloc(4)));

await client.close();
told.over = await code(client.request("status"));
console.log(JSON.stringify(told));
