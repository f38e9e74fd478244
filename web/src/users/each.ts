// As many at a time: enough that the way to the service costs little, and few
// enough that others are served beside.
const lanes = 4;

/** Does something to each of many, a few at a time, for as long as it goes on. */
export async function forEach<T>(all: readonly T[], goesOn: () => boolean, does: (one: T) => Promise<void>) {
  const rest = all.values();
  const lane = async () => {
    while (goesOn()) {
      const { value, done } = rest.next();
      if (done) return;
      await does(value);
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, all.length) }, lane));
}
