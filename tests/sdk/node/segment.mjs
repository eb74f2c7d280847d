import { Analytics } from "@segment/analytics-node";
import { input, fail, tell } from "./told.mjs";

const client = new Analytics({ writeKey: input.key, host: input.host });
client.on("error", fail);
tell(client);
await client.closeAndFlush({ timeout: 40_000 });
