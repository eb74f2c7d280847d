// What the test hands in: {host, key, story, …}.
export const input = JSON.parse(process.env.SDK_INPUT);

// An SDK that could not send must not look as if it had.
export function fail(error) {
  console.error(error);
  process.exit(1);
}

// The story, to a client whose calls are like those of Segment's.
export function tell(client) {
  const { story } = input;
  const who = { userId: story.user };
  client.identify({ ...who, traits: story.traits });
  client.track({ ...who, event: story.event, properties: story.properties });
  client.page({ ...who, ...story.page });
  client.screen({ ...who, ...story.screen });
  client.group({ ...who, groupId: story.group.id, traits: story.group.traits });
  client.alias({ ...who, previousId: story.before });
}
