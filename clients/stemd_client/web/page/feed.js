// A WebSocket that is made anew whenever it is lost, until it is closed from here.

const AGAIN = 1000; // ms
const REFUSED = [400, 401, 403];

export class Feed {
  // `on`: {open, lost, message}; `lost` gets the server's words where it refuses. `path` with its query.
  constructor(path, on) {
    this.path = path;
    this.on = on;
    this.closed = false;
    this.#connect();
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(`${scheme}//${location.host}${this.path}`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.on.open?.();
    this.socket.onmessage = ({ data }) => this.on.message(data);
    this.socket.onclose = async () => {
      const refused = this.closed ? null : await refusal(this.path);
      if (this.closed) return;
      this.on.lost?.(refused);
      this.timer = setTimeout(() => this.#connect(), AGAIN);
    };
  }

  // False where it is lost at the moment.
  send(message) {
    if (this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.socket.close();
  }
}

// A WebSocket does not say why it could not be had; asked for the same in the ordinary way, the server does. Null where
// it has nothing against it, or does not answer.
async function refusal(path) {
  try {
    const answer = await fetch(path, { signal: AbortSignal.timeout(AGAIN) });
    if (!REFUSED.includes(answer.status)) return null;
    return (await answer.text()).match(/^stemd web: (.+)/)?.[1] ?? null;
  } catch {
    return null;
  }
}
