import dittofeed from "@dittofeed/sdk-node";
import { input } from "./told.mjs";

const { host, key, story } = input;
const { DittofeedSdk } = dittofeed;
await DittofeedSdk.init({ writeKey: key, host });
const who = { userId: story.user };
DittofeedSdk.identify({ ...who, traits: story.traits });
DittofeedSdk.track({ ...who, event: story.event, properties: story.properties });
DittofeedSdk.page({ ...who, name: story.page.name, properties: story.page.properties });
DittofeedSdk.screen({ ...who, ...story.screen });
await DittofeedSdk.flush();
