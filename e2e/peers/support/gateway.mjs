// Our gateway as others' clients meet it: the program that people run, in front of providers that do as they are told.
import { Smoltbot } from "../../browser/support/smoltbot.mjs";
import { Providers } from "./providers.mjs";
import { Traces } from "./traces.mjs";

/** A shell line that may run, one that may not, and the rule that says so. */
export const ALLOWED = { tool: "execute_command", params: { command: "echo allowed && touch ran" } };
export const REFUSED = { tool: "execute_command", params: { command: "touch refused && rm -rf /" } };
export const RULE = "fs.delete.root";

export class Gateway {
  static async start() {
    const gateway = new Gateway();
    gateway.providers = await Providers.start();
    try {
      gateway.smoltbot = await Smoltbot.up({ env: gateway.providers.env });
    } catch (error) {
      gateway.providers.close();
      throw error;
    }
    // It prints the URL that logs a browser in.
    const url = new URL(gateway.smoltbot.chat);
    gateway.url = url.origin;
    gateway.socket = `ws://${url.host}/ws`;
    gateway.token = url.searchParams.get("token");
    gateway.traces = new Traces(gateway.smoltbot);
    return gateway;
  }

  async stop() {
    this.providers?.close();
    await this.smoltbot?.stop();
  }
}
