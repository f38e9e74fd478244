/** Who has a role and counts for seats, and the seats that are free. */
export interface Holders {
  active: number;
  pending: number;
  available: number;
}

export interface SeatForecast {
  text: string;
  enough: boolean;
}

/** What becomes of the seats of those who have a role, when it takes one before or after a change. */
export function seatForecast(took: boolean, takes: boolean, holders: Holders): SeatForecast | undefined {
  const count = holders.active + holders.pending;
  if (took === takes || count === 0) return undefined;
  const who = `${count.toLocaleString()} active or pending ${count === 1 ? 'person' : 'people'}`;
  if (took) {
    return { text: `${who} ${count === 1 ? 'gives back a CSM seat.' : 'give back a CSM seat each.'}`, enough: true };
  }
  const enough = count <= holders.available;
  const free = holders.available === 0 ? 'None is free' : `${holders.available.toLocaleString()} ${holders.available === 1 ? 'is' : 'are'} free`;
  return {
    text: `${who} ${count === 1 ? 'takes a CSM seat' : 'take a CSM seat each'}. ${free}${enough ? '.' : ', so nothing would be changed: raise the seat limit, or free seats first.'}`,
    enough,
  };
}

/** "1 person", "12 people". */
export function people(count: number): string {
  return `${count.toLocaleString()} ${count === 1 ? 'person' : 'people'}`;
}
