// A way to the edge that can be cut, as when a laptop sleeps or a network goes away.
import { once } from "node:events";
import { connect, createServer } from "node:net";

export class Proxy {
  #sockets = new Set();
  #cut = false;

  /** Opens a way to the edge at `url`; `this.url` is its near end. */
  static async to(url) {
    const proxy = new Proxy();
    const { hostname, port } = new URL(url);
    proxy.server = createServer((near) => {
      if (proxy.#cut) return near.destroy();
      const far = connect(Number(port), hostname);
      for (const [one, other] of [[near, far], [far, near]]) {
        proxy.#sockets.add(one);
        one.on("error", () => other.destroy());
        one.on("close", () => {
          proxy.#sockets.delete(one);
          other.destroy();
        });
      }
      near.on("data", (bytes) => (proxy.asked += bytes.toString("latin1")));
      near.pipe(far).pipe(near);
    }).listen(0, "127.0.0.1");
    await once(proxy.server, "listening");
    proxy.url = `http://127.0.0.1:${proxy.server.address().port}`;
    return proxy;
  }

  constructor() {
    /** Everything that was asked over it. */
    this.asked = "";
  }

  /** Ends all connections and takes no new ones. */
  cut() {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Takes connections again. */
  mend() {
    this.#cut = false;
  }

  close() {
    this.cut();
    this.server.close();
  }
}
