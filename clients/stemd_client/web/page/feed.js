// A WebSocket that is made anew whenever it is lost, until it is closed from here.

const AGAIN = 1000; // ms

export class Feed {
  // `on`: {open, lost, message}. `path` with its query.
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
    this.socket.onclose = () => {
      if (this.closed) return;
      this.on.lost?.();
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
