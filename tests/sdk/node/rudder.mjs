import Analytics from "@rudderstack/rudder-sdk-node";
import { input, fail } from "./told.mjs";

const { host, key, story } = input;
const client = new Analytics(key, { dataPlaneUrl: host, errorHandler: fail });
const who = { userId: story.user };
client.identify({ ...who, traits: story.traits });
client.track({ ...who, event: story.event, properties: story.properties });
client.page({ ...who, ...story.page });
client.screen({ ...who, ...story.screen });
client.group({ ...who, groupId: story.group.id, traits: story.group.traits });
client.alias({ ...who, previousId: story.before });
await client.flush();
process.exit(0);
