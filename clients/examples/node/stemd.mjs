// A client of stemd for Node, written from PROTOCOL.md alone. remove-vocals.mjs and listen.mjs show how it is used.
import { Dealer } from "zeromq";
import { StemdError, defaultAddress, endpoints, pack, unpack } from "./wire.mjs";

const BYTES = { f32le: 4, s16le: 2 };
const LOST = "connection-lost";
const STREAM_OVER = ["stream", "unknown-stream", "unknown-stem", "stream-closed", "overloaded", "stream-exists"];

/** Messages for one reader, in order; an error comes last, and for ever. */
class Inbox {
  #items = [];
  #wake = () => {};
  put(item) {
    this.#items.push(item);
    this.#wake();
  }
  async take() {
    while (!this.#items.length) await new Promise((wake) => (this.#wake = wake));
    if (this.#items[0] instanceof Error) throw this.#items[0];
    return this.#items.shift();
  }
}

/** A stream of this client, to be fed. `faults` are errors after which it went on. */
class Feed {
  position = 0;
  faults = [];
  #until = 0;
  #over = null;
  #wake = () => {};
  constructor(client, wanted) {
    Object.assign(this, { client, wanted });
  }
  /** Send interleaved samples, whole frames; in a `free` stream as fast as the daemon takes them. */
  async write(pcm, source_ns = null) {
    const { stream, block, channels, format } = this.wanted;
    const frame = BYTES[format] * channels;
    for (let at = 0; at < pcm.length; at += frame * block) {
      const part = pcm.subarray(at, at + frame * block);
      const end = this.position + part.length / frame;
      while (!this.#over && this.#until !== null && end > this.#until) await new Promise((wake) => (this.#wake = wake));
      if (this.#over) throw this.#over;
      await this.client.say("mixture", { stream, position: this.position, source_ns }, part);
      this.position = end;
    }
  }
  /** Say that nothing more comes; `{position, cut}` when all has left. */
  close() {
    return this.client.request("close", { stream: this.wanted.stream });
  }
  granted(until) {
    this.#until = until;
    this.#wake();
  }
  failed(fault) {
    if (STREAM_OVER.includes(fault.code)) this.ended(fault);
    else this.faults.push(fault);
  }
  ended(error) {
    this.#over ??= error;
    this.#wake();
  }
}

/** A connection: `await Stemd.connect()`, and `close()` at the end. */
export class Stemd {
  #requests = new Dealer({ linger: 200, receiveHighWaterMark: 0 });
  #stems = new Dealer({ linger: 0, receiveHighWaterMark: 0 });
  #sent = Promise.resolve();
  #number = 0;
  #unanswered = 0;
  #replies = new Map(); // request number, or "attach" -> who waits
  #blocks = new Map(); // subscription -> Inbox; a block may be here before `subscribed` is
  #feeds = new Map(); // stream -> Feed
  #over = null;
  #timer;

  static async connect(address = defaultAddress(), name = `node ${process.pid}`) {
    const [requests, stems] = endpoints(address);
    const client = new Stemd();
    client.#requests.connect(requests);
    client.#stems.connect(stems);
    client.#read(client.#requests, (kind, header) => client.#answered(kind, header));
    client.#read(client.#stems, (kind, header, pcm) => client.#heard(kind, header, pcm));
    const none = new StemdError(LOST, `no daemon answers at ${address}; start one with \`stemd serve\``);
    client.#timer = setTimeout(() => client.#end(none), 3000);
    client.welcome = await client.request("hello", { major: 1, minor: 1, client: name, capabilities: [] });
    client.#stems.send(pack("attach", { session: client.welcome.session })).catch((error) => client.#end(error));
    await client.#reply("attach");
    clearTimeout(client.#timer);
    client.#timer = setInterval(() => client.#ping(address), 2000);
    return client;
  }
  /** Send a request, and wait for its reply. */
  request(kind, fields = {}, feed = null) {
    const request = ++this.#number;
    this.say(kind, { request, ...fields });
    return this.#reply(request, feed);
  }
  /** Send what has no reply. A socket takes one message at a time. */
  say(kind, fields, pcm) {
    const parts = pack(kind, fields, pcm);
    this.#sent = this.#sent.then(() => this.#over ?? this.#requests.send(parts)).catch((error) => this.#end(error));
    return this.#sent;
  }
  /** Open a stream; `fields` are those of `open`. */
  async open(stream, fields = {}) {
    const usual = { rate: 48000, channels: 2, format: "f32le", timing: "realtime", plan: null, model: null, stems: null };
    const wanted = { stream, ...usual, ...fields };
    wanted.block ??= Math.ceil(wanted.rate / 50);
    const feed = new Feed(this, wanted);
    feed.opened = await this.request("open", wanted, feed);
    return feed;
  }
  /** The blocks of a stem as `[header, pcm]`; the last has the flag `end` and no PCM. */
  async subscribe(stream, stem, { format = "f32le", delivery = "live", credit = 16 } = {}) {
    const { subscription } = await this.request("subscribe", { stream, stem, format, delivery, credit });
    return this.#taken(subscription, credit);
  }
  async *#taken(subscription, credit) {
    let until = credit;
    try {
      for (;;) {
        const [header, pcm] = await this.#inbox(subscription).take();
        yield [header, pcm];
        if (header.flags.includes("end")) return;
        const next = header.sequence + 1 + credit;
        if (next - until >= credit / 2) this.say("credit", { subscription, until: (until = next) });
      }
    } finally {
      this.#blocks.set(subscription, { put() {} }); // what was on its way may still come
      this.request("unsubscribe", { subscription }).catch(() => {}); // the connection may be over as well
    }
  }
  /** Say goodbye; the daemon ends this client's streams and subscriptions at once. */
  async close() {
    await this.say("bye", {});
    this.#end(new StemdError(LOST, "the connection is closed"));
  }

  async #read(socket, take) {
    for await (const parts of socket) take(...unpack(parts));
  }
  #reply(number, feed) {
    if (this.#over) return Promise.reject(this.#over);
    return new Promise((resolve, reject) => this.#replies.set(number, { resolve, reject, feed }));
  }
  #inbox(subscription) {
    if (!this.#blocks.has(subscription)) this.#blocks.set(subscription, new Inbox());
    return this.#blocks.get(subscription);
  }
  #heard(kind, header, pcm) {
    if (kind === "stem") this.#inbox(header.subscription).put([header, pcm]);
    else this.#answered(kind, { ...header, request: "attach" });
  }
  #answered(kind, header) {
    const fault = kind === "error" ? new StemdError(header.code, header.text) : null;
    const waiting = this.#replies.get(header.request);
    if (kind === "opened") this.#feeds.set(header.stream, waiting.feed);
    const feed = this.#feeds.get(header.stream);
    this.#replies.delete(header.request);
    if (kind === "pong") this.#unanswered = 0;
    if (kind === "opened" || kind === "grant") feed?.granted(header.until);
    if (kind === "closed") feed?.ended(new StemdError("stream-closed", `stream ${header.stream} is closed`));
    if (waiting) fault ? waiting.reject(fault) : waiting.resolve(header);
    else if (fault && header.subscription !== null) this.#inbox(header.subscription).put(fault);
    else if (fault && header.stream !== null) feed?.failed(fault);
    else if (fault) this.#end(fault);
  }
  #ping(address) {
    if (this.#unanswered++ < 3) this.say("ping", { sent_ns: process.hrtime.bigint() });
    else this.#end(new StemdError(LOST, `the daemon at ${address} answers no more; start one with \`stemd serve\``));
  }
  #end(error) {
    if (this.#over) return;
    this.#over = error;
    clearInterval(this.#timer);
    this.#requests.close();
    this.#stems.close();
    for (const { reject } of this.#replies.values()) reject(error);
    for (const inbox of this.#blocks.values()) inbox.put(error);
    for (const feed of this.#feeds.values()) feed.ended(error);
  }
}
