// What the test hands in: {host, key, story, …}.
export const input = JSON.parse(process.env.SDK_INPUT);

// An SDK that could not send must not look as if it had.
export function fail(error) {
  console.error(error);
  process.exit(1);
}
