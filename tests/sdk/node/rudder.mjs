import Analytics from "@rudderstack/rudder-sdk-node";
import { input, fail, tell } from "./told.mjs";

const client = new Analytics(input.key, { dataPlaneUrl: input.host, errorHandler: fail });
tell(client);
await client.flush();
process.exit(0);
