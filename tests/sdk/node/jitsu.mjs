import jitsu from "@jitsu/js";
import { input } from "./told.mjs";

const { host, key, s2s, story } = input;
const client = jitsu.jitsuAnalytics({ host, writeKey: key, s2s });
await client.identify(story.user, story.traits);
await client.track(story.event, story.properties);
await client.page({ ...story.page.properties, name: story.page.name });
await client.group(story.group.id, story.group.traits);
