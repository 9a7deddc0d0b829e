// Messages of stemd as bytes, and where it listens; from PROTOCOL.md.
import { decode, encode } from "@msgpack/msgpack";
import { tmpdir } from "node:os";

// Positions may pass 2^32, where msgpack wants a BigInt; times pass 2^53, where a number would round them.
const asWritten = (value) => (Number.isSafeInteger(value) && Math.abs(value) >= 2 ** 32 ? BigInt(value) : value);
const asRead = (value) => (typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : value);
const isMap = (value) => Object.prototype.toString.call(value) === "[object Object]";
const mapped = (fields, change) =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, isMap(value) ? mapped(value, change) : change(value)]));

/** What went wrong, in one line; `code` is one of the page's. */
export class StemdError extends Error {
  constructor(code, text) {
    super(text);
    this.code = code;
  }
}

/** The three parts of a message. */
export function pack(kind, fields, pcm = "") {
  return [kind, encode(mapped(fields, asWritten), { useBigInt64: true }), pcm];
}

/** Its kind, header and PCM. */
export function unpack([kind, header, pcm]) {
  return [kind.toString(), mapped(decode(header, { useBigInt64: true }), asRead), pcm];
}

/** Where a client looks for the daemon of this user. */
export function defaultAddress({ STEMD_ADDRESS, XDG_RUNTIME_DIR } = process.env) {
  if (STEMD_ADDRESS) return STEMD_ADDRESS;
  if (!process.getuid) return "tcp://127.0.0.1:7355";
  return `ipc://${XDG_RUNTIME_DIR ? `${XDG_RUNTIME_DIR}/stemd` : `${tmpdir()}/stemd-${process.getuid()}`}`;
}

/** The endpoints of the two sockets. */
export function endpoints(address) {
  if (address.startsWith("ipc:///")) return [`${address}/requests.sock`, `${address}/stems.sock`];
  const [, host, port] = address.match(/^(tcp:\/\/.+):(\d+)$/) ?? [];
  if (host) return [address, `${host}:${Number(port) + 1}`];
  throw new StemdError("config", `address '${address}' is neither ipc:///a/folder nor tcp://host:port`);
}
