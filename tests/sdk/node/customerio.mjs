import { Analytics } from "@customerio/cdp-analytics-node";
import { input, fail } from "./told.mjs";

const { host, key, story } = input;
const analytics = new Analytics({ writeKey: key, host });
analytics.on("error", fail);
const who = { userId: story.user };
analytics.identify({ ...who, traits: story.traits });
analytics.track({ ...who, event: story.event, properties: story.properties });
analytics.page({ ...who, ...story.page });
analytics.screen({ ...who, ...story.screen });
analytics.group({ ...who, groupId: story.group.id, traits: story.group.traits });
analytics.alias({ ...who, previousId: story.before });
await analytics.closeAndFlush({ timeout: 40_000 });
