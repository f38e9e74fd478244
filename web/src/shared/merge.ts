/** Two people have changed the same thing. */
export interface Merged<Values> {
  /** What the form shows now: both changes, and one's own where they clash. */
  values: Values;
  /** Changed by the other one only. */
  taken: (keyof Values)[];
  /** Changed by both, to different values: one has to be chosen. */
  clashes: (keyof Values)[];
}

/** Puts the changes of two people together, who both began with base. */
export function merge<Values extends object>(base: Values, mine: Values, theirs: Values): Merged<Values> {
  const merged: Merged<Values> = { values: { ...mine }, taken: [], clashes: [] };
  for (const field of Object.keys(base) as (keyof Values)[]) {
    if (theirs[field] === base[field] || theirs[field] === mine[field]) continue;
    if (mine[field] === base[field]) {
      merged.values[field] = theirs[field];
      merged.taken.push(field);
    } else {
      merged.clashes.push(field);
    }
  }
  return merged;
}

/** The fields that somebody has changed. */
export function changed<Values extends object>(base: Values, mine: Values): (keyof Values)[] {
  return (Object.keys(base) as (keyof Values)[]).filter((field) => mine[field] !== base[field]);
}
